"""What an installed chainrule consists of: the two packages, their data, their types and their public names."""

import importlib
import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = {"chainrule": ROOT / "graphlib" / "chainrule", "nets": ROOT / "nets"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """The names of the files in a freshly built wheel."""
    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_brings_chainrule_and_nets_and_nothing_else(wheel):
    # Above all no "graphlib", a name that belongs to the standard library.
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"chainrule", "nets", f"chainrule-{PROJECT['version']}.dist-info"}


@pytest.mark.parametrize("package", SOURCES)
def test_the_wheel_has_every_file_of_a_package_data_included(wheel, package):
    folder = SOURCES[package]
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    # Caches and what editors leave behind are not the package's.
    kept = [file for file in files if not any(part.startswith((".", "__pycache__")) for part in file.parts)]
    assert {f"{package}/{file.as_posix()}" for file in kept} <= wheel


def test_the_wheel_has_the_type_marker_the_data_and_the_license(wheel):
    assert "chainrule/py.typed" in wheel
    assert any(name.startswith("nets/data/") and name.endswith(".csv") for name in wheel)
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_the_installed_version_is_the_one_in_pyproject():
    assert version("chainrule") == PROJECT["version"]


def test_the_command_chainrule_is_installed():
    [command] = entry_points(group="console_scripts", name="chainrule")
    assert callable(command.load())


@pytest.mark.parametrize("package", SOURCES)
def test_public_names_are_sorted_and_exist(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
