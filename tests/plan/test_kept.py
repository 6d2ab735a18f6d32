"""What is kept of a compiled loop may be damaged or impossible to write: it computes, and mends what it can."""

import errno
import os
import pickle
import tempfile

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.loop import kept
from chainrule.plan.loop.compiled import cache_folder, compiled

SIGNATURES = {"typed": '"float64(float64)", ', "when it is called": ""}
MODULE = """\"\"\"Adds one.\"\"\"

from numba import njit, types


@njit(SIGNATUREnogil=True, error_model="numpy", cache=True)
def run(x):
    return x + 1.0
"""


@pytest.fixture(params=SIGNATURES)
def text(request, tmp_path, monkeypatch):
    """A module that has been compiled and is kept."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    text = MODULE.replace("SIGNATURE", SIGNATURES[request.param])
    assert compiles(text)
    assert not compiles(text)
    return text


def compiles(text):
    """Whether the module had to be compiled; it computes in any case."""
    run = compiled(text)["run"]
    assert run(1.0) == 2.0
    assert sum(run.stats.cache_misses.values()) + sum(run.stats.cache_hits.values()) <= 1
    return not run.stats.cache_hits


def kept_file():
    (found,) = cache_folder().rglob("*.nbk")
    return found


def flipped(place):
    def change(content):
        k = int(place * (len(content) - 1))
        return content[:k] + bytes([content[k] ^ 0b100]) + content[k + 1 :]

    return change


def signed(data):
    return kept._DIGEST(data).digest() + data


DAMAGES = {
    "emptied, as a power cut leaves it": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "cut short by one": lambda content: content[:-1],
    "a digest alone": lambda content: content[:32],
    **{f"a bit at {place}": flipped(place) for place in (0.0, 0.01, 0.3, 0.6, 0.95, 1.0)},
    "text": lambda content: b"nothing that was ever compiled",
    "something else that was saved": lambda content: signed(pickle.dumps([1, 2])),
    "no pickle": lambda content: signed(b"\x80\x04."),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_compiled_again_and_mended(text, damage):
    file = kept_file()
    file.write_bytes(damage(file.read_bytes()))
    assert compiles(text)
    assert not compiles(text)
    assert kept_file() == file


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"raise SystemExit", b"\r\n"], ids=repr)
def test_a_damaged_source_is_written_again(text, content):
    (source,) = cache_folder().glob("loop_*.py")
    right = source.read_bytes()
    source.write_bytes(content)
    compiles(text)
    assert source.read_bytes() == right
    assert not compiles(text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_what_stands_in_the_place_of_a_file_is_replaced(text):
    (source,) = cache_folder().glob("loop_*.py")
    file = kept_file()
    for put in (os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.symlink_to(os.devnull)):
        for path in (file, source):
            path.unlink()
            put(path)
        assert compiles(text)
        assert not compiles(text)
    file.unlink()
    file.mkdir()  # nobody's to remove
    assert compiles(text)
    assert compiles(text)


@pytest.mark.parametrize("full_from", [1, 2])
def test_on_a_full_disk_it_is_compiled_in_memory(tmp_path, monkeypatch, full_from):
    """Full before the source is written, and before what is compiled is."""
    made, count = tempfile.mkstemp, []

    def full(*args, **options):
        count.append(1)
        if len(count) >= full_from:
            raise OSError(errno.ENOSPC, "No space left on device")
        return made(*args, **options)

    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    text = MODULE.replace("SIGNATURE", SIGNATURES["typed"])
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", full)
        assert compiles(text)
        assert compiles(text)
        assert len(count) >= full_from
    assert not list((tmp_path / "cache").rglob("*.nbk"))
    assert compiles(text)  # there is room again
    assert not compiles(text)


def test_a_disk_that_is_full_in_the_middle_of_a_file_leaves_no_part_of_it(text, monkeypatch):
    file = kept_file()
    file.write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(kept.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        assert compiles(text)
    assert not list(cache_folder().rglob("*.tmp"))
    assert compiles(text)
    assert not compiles(text)


def test_where_there_is_no_place_for_what_is_compiled_it_is_compiled_in_memory(tmp_path, monkeypatch):
    """A container: the source can be read, nothing can be written, and there is no home."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    text = MODULE.replace("SIGNATURE", SIGNATURES["typed"])
    assert compiles(text)
    for file in (*tmp_path.rglob("*.nbk"),):
        file.unlink()
    (tmp_path / "__pycache__").rmdir()
    (tmp_path / "__pycache__").write_text("no folder can be made here")
    nowhere = str(tmp_path / "__pycache__" / "below")
    for variable in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, nowhere)
    monkeypatch.setattr("numba.misc.appdirs.AppDirs.user_cache_dir", nowhere, raising=False)
    assert compiles(text)
    assert compiles(text)


def test_a_plan_computes_whatever_stands_in_its_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Parameter("x", (2, "m"))), name="L"))
    feeds = {"x": np.array([[1.0, 2.0], [3.0, 4.0]])}
    right = graph.compile(backend="numba")(feeds)
    for file in tmp_path.rglob("*.nbk"):
        file.write_bytes(flipped(0.5)(file.read_bytes()))
    for _ in range(2):
        loss, gradients = graph.compile(backend="numba")(feeds)
        assert loss == right[0] == 30
        np.testing.assert_array_equal(gradients["x"], right[1]["x"])
