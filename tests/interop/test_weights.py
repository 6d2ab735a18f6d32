"""Weights in files: what comes back, what does not fit a graph, and files that somebody else made."""

import io
import struct
import zipfile

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, FeedError
from chainrule.interop import weights


def graph():
    w, b, x = cr.Parameter("w", (3, 2)), cr.Parameter("b", (3, 1)), cr.Input("x", (2, "m"))
    return cr.Graph(cr.Mean(cr.Square(w @ x + b)))


def given():
    return {"w": np.arange(6.0).reshape(3, 2), "b": np.ones((3, 1), np.float32)}


HOSTILE = ["", "a/b\\c", "file", "../up.npy", "a", "a.npy", "λ ♥ שלום", "x" * 300, "allow_pickle"]


def test_arrays_come_back_under_any_name_in_their_dtype(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(k, 2)) for k, name in enumerate(HOSTILE)}
    arrays |= {
        "scalar": np.float32(2),
        "big-endian": np.arange(3, dtype=">f8"),
        "turned": np.ones((2, 3)).T,
        "t": [True],
    }
    cr.save(tmp_path / "w.npz", arrays)
    loaded = cr.load(tmp_path / "w.npz")
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == np.asarray(array).dtype
    assert list(tmp_path.iterdir()) == [tmp_path / "w.npz"]


def test_nodes_are_names_and_the_order_is_the_graphs(tmp_path):
    net = graph()
    cr.save(tmp_path / "w.npz", {net["b"]: given()["b"], net["w"]: given()["w"]})
    assert list(cr.load(tmp_path / "w.npz", net)) == [net.name(p) for p in net.parameters]


@pytest.mark.parametrize("name", ["nul\x00", "\ud800", "y" * 70_000])
def test_a_name_that_a_zip_would_change_is_refused_before_the_file_is_touched(tmp_path, name):
    cr.save(tmp_path / "w.npz", given())
    before = (tmp_path / "w.npz").read_bytes()
    with pytest.raises(ArgumentError, match="cannot hold the name"):
        cr.save(tmp_path / "w.npz", {name: np.ones(2)})
    assert (tmp_path / "w.npz").read_bytes() == before


@pytest.mark.parametrize("value", [["a"], {"a": 1}, None, np.array([{}]), 1j, [[1], [1, 2]]])
def test_what_is_no_array_of_real_numbers_is_not_saved(tmp_path, value):
    with pytest.raises(ArgumentError, match=r"^w "):
        cr.save(tmp_path / "w.npz", {"w": value})
    assert not list(tmp_path.iterdir())


def test_all_that_does_not_fit_is_told_at_once(tmp_path):
    cr.save(tmp_path / "w.npz", {"W": np.ones((3, 2)), "b": np.ones((1, 3)), "zz": [1.0]})
    with pytest.raises(FeedError) as error:
        cr.load(tmp_path / "w.npz", graph())
    said = str(error.value)
    for part in ("missing 'w'", "'W' (did you mean 'w'?)", "'zz'", "b has shape (1, 3) in place of (3, 1)", "b.T"):
        assert part in said


def test_other_feeds_of_the_graph_may_stand_in_the_file(tmp_path):
    cr.save(tmp_path / "w.npz", {**given(), "x": np.ones((2, 7))})
    assert cr.load(tmp_path / "w.npz", graph())["x"].shape == (2, 7)


def test_extensions_and_files_that_are_not_there(tmp_path):
    for name in ("weights", "w.pkl", "w.npy", ".npz"):
        with pytest.raises(ArgumentError, match="none of the extensions"):
            cr.save(tmp_path / name, given())
    with pytest.raises(ArgumentError, match="cannot be read: No such file"):
        cr.load(tmp_path / "w.npz")


def test_a_file_of_safetensors_that_is_not_there(tmp_path):
    pytest.importorskip("safetensors")
    with pytest.raises(ArgumentError, match="cannot be read: No such file"):
        cr.load(tmp_path / "w.safetensors")


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)


def npy(array, **options):
    content = io.BytesIO()
    np.lib.format.write_array(content, array, **options)
    return content.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_archives_are_refused(tmp_path):
    path = tmp_path / "w.npz"
    claims = npy(np.zeros(3)).replace(b"(3,)", b"(9" + b"9" * 12 + b",)")
    for members in (
        [("a.npy", npy(np.array([{}]), allow_pickle=True))],
        [("a.npy", npy(np.ones(2))), ("a.npy", npy(np.zeros(2)))],
        [("a.npy", claims[:10] + claims[10:])],
        [("a.npy", b"")],
        [("a.txt", b"text")],
        [("a.npy", npy(np.array(["text"])))],
    ):
        archive(path, members)
        with pytest.raises(ArgumentError):
            cr.load(path)


def test_an_archive_unpacks_to_its_bound_and_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "LARGEST_PACKED", 10_000)
    np.savez_compressed(tmp_path / "w.npz", w=np.zeros(10_000))
    with pytest.raises(ArgumentError, match="holds more than 10,000 bytes"):
        cr.load(tmp_path / "w.npz")
    cr.save(tmp_path / "w.npz", {"w": np.zeros(10_000)})  # as large as the file is
    assert cr.load(tmp_path / "w.npz")["w"].shape == (10_000,)


def test_safetensors_there_and_back(tmp_path):
    pytest.importorskip("safetensors")
    arrays = {
        **given(),
        "scalar": np.float64(3),
        "big": np.arange(3, dtype=">f8"),
        "turned": np.ones((2, 3)).T * [1, 2],
    }
    cr.save(tmp_path / "w.safetensors", arrays)
    loaded = cr.load(tmp_path / "w.safetensors")
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].shape == np.shape(array)
    with pytest.raises(ArgumentError, match="safetensors cannot hold"):
        cr.save(tmp_path / "w.safetensors", {"w": np.ones(2, np.longdouble)})


def test_hostile_safetensors_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "w.safetensors"
    bf16 = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    far = b'{"a":{"dtype":"F64","shape":[9999999999],"data_offsets":[0,79999999992]}}'
    for content in (b"", b"\xff" * 40, struct.pack("<Q", len(far)) + far, struct.pack("<Q", len(bf16)) + bf16 + b"ab"):
        path.write_bytes(content)
        with pytest.raises(ArgumentError):
            cr.load(path)


def test_without_safetensors_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "safetensors", weights.Neighbour("no_such_library.numpy", "safetensors"))
    with pytest.raises(cr.errors.MissingExtraError, match=r"chainrule\[safetensors\]"):
        cr.save(tmp_path / "w.safetensors", given())
