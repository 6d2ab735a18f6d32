"""What an installed chainrule consists of: the two packages, their data, their types and their public names."""

import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from scripts import script

import chainrule as cr

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = {"chainrule": ROOT / "graphlib" / "chainrule", "nets": ROOT / "nets"}
INSTALLED = {"chainrule": "chainrule", "nets": "chainrule/nets"}  # where a wheel has them


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> str:
    """A freshly built wheel."""
    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return path


@pytest.fixture(scope="module")
def wheel(archive) -> set[str]:
    """The names of the files in it."""
    with zipfile.ZipFile(archive) as packed:
        return set(packed.namelist())


def test_the_wheel_brings_chainrule_with_nets_inside_and_nothing_else(wheel):
    # No "graphlib", a name that belongs to the standard library, and no "nets", one of another package.
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"chainrule", f"chainrule-{cr.__version__}.dist-info"}


@pytest.mark.parametrize("package", SOURCES)
def test_the_wheel_has_every_file_of_a_package_data_included(wheel, package):
    folder = SOURCES[package]
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    # Caches and what editors leave behind are not the package's.
    kept = [file for file in files if not any(part.startswith((".", "__pycache__")) for part in file.parts)]
    assert {f"{INSTALLED[package]}/{file.as_posix()}" for file in kept} <= wheel


def test_the_wheel_has_the_type_marker_the_data_and_the_license(wheel):
    assert "chainrule/py.typed" in wheel
    assert any(name.startswith("chainrule/nets/data/") and name.endswith(".csv") for name in wheel)
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_the_version_stands_in_one_place_and_what_repeats_it_agrees():
    assert "version" in PROJECT["dynamic"]
    said = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert said[1] == cr.__version__
    assert f"## [{cr.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_extra_all_has_all_extras():
    extras = PROJECT["optional-dependencies"]
    [everything] = extras["all"]
    assert everything == f"chainrule[{','.join(sorted(set(extras) - {'all'}))}]"


def test_every_page_installs_an_extra_by_the_one_line_that_is_true_before_anything_is_published():
    pages = [*ROOT.glob("*.md"), *(path for path in (ROOT / "docs").rglob("*.md") if "made" not in path.parts)]
    for page in pages:
        text = page.read_text("utf-8")
        extras = re.findall(r"\.venv/bin/python -m pip install [\w ]*-e '\.\[(\w+)\]'", text)
        assert len(re.findall(r"pip install[^`\n]*\n?[^`\n]*\[", text)) == len(extras), page
        assert set(extras) <= set(PROJECT["optional-dependencies"]), page


def test_a_wheel_runs_by_itself_its_networks_its_command_and_its_data(archive, tmp_path):
    # As it is installed: unpacked, without the folders of the clone.
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "installed")
    path = [str(tmp_path / "installed"), *packages()]
    code = (
        f"import sys; sys.path += {path!r}; import chainrule; from chainrule import nets; "
        "from chainrule.commands.cli import main; "
        "print(chainrule.__file__, nets.__name__, nets.load_iris_petals()[0].shape); "
        "sys.exit(main(['demo', '--steps', '3']) or main(['derive', 'nets.circuits:product_of_sum']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/installed/chainrule/__init__.py chainrule.nets (2, 100)" in done.stdout
    assert "dx = " in done.stdout


def packages():
    """Where NumPy and graphviz are installed."""
    return sorted({str(Path(importlib.util.find_spec(name).origin).parents[1]) for name in ("numpy", "graphviz")})


def test_links_of_the_readme_lead_to_the_repository_where_a_release_is_built():
    made = script(".ci/metadata.py")
    at = made.repository({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "owner/name"})
    assert at == "https://github.com/owner/name"
    assert made.urls(at)["Issues"] == f"{at}/issues"
    text = made.readme(at, "v9.9.9")
    assert f"({at}/raw/v9.9.9/docs/pictures/formulas.svg)" in text
    assert f"({at}/blob/v9.9.9/docs/start.md)" in text
    assert re.findall(r"\]\((?!\w+:|#)[^)]*\)", text) == []
    assert made.repository({}) == ""
    assert made.readme("", "") == (ROOT / "README.md").read_text("utf-8")


def test_the_first_line_of_the_readme_says_what_is_wrong_with_an_old_python(capsys, monkeypatch):
    line = re.search(r"^python3 -c '(.*)' &&$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)[1]
    exec(line, {})  # this one will do
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(sys, "version", "3.9.18 (main)")
    with pytest.raises(SystemExit) as stopped:
        exec(line, {})
    assert str(stopped.value) == "chainrule needs Python 3.11 or newer; python3 is 3.9.18"
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_command_chainrule_is_installed():
    [command] = entry_points(group="console_scripts", name="chainrule")
    assert callable(command.load())


@pytest.mark.parametrize("package", SOURCES)
def test_public_names_are_sorted_and_exist(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
