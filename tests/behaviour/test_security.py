"""Formulas, names and files of feeds that come from strangers never run, never reach an output raw, never grow large.

SECURITY.md makes the promises that are held here. Hostile files are read by a process of its own, with a limit to its
memory and to its time; both are far above what it needs, so that only what has no end runs into them.
"""

from __future__ import annotations

import ast
import io
import os
import resource
import struct
import subprocess
import sys
import tokenize
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule.commands import cli

ROOT = Path(__file__).parents[2]
MEMORY = 2 << 30  # bytes of address space: Python with NumPy takes 0.4 GB of them
PATIENCE = 300  # seconds: the slowest of these takes 7 on an idle core

# --- hostile files ---------------------------------------------------------------------------------------------------


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that can neither grow nor stay."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "chainrule", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        preexec_fn=limited,
    )


ALLOWED = "; try: names, numbers, + - * / @ **, comparisons, .T, indices, np.sum and other functions of NumPy"
LARGE = "formulas.txt holds more than 1 MB; try: a file of formulas: lines such as dB3 = dZ3"
REFUSED_TEXTS = {
    "a hundred thousand parentheses": (
        f"dZ3 = {'(' * 100_000}A3{')' * 100_000}",
        "a formula of 200,003 characters has more than 4,000; where: line 1, column 4006",
    ),
    "parentheses as deep as a formula is long": (
        f"dZ3 = {'(' * 1900}A3{')' * 1900}",
        "brackets stand more than 60 deep; where: line 1, column 67",
    ),
    "signs as many as a formula is long": (
        f"dZ3 = {'-' * 3900}A3",
        "121 signs stand side by side; where: line 1, column 127",
    ),
    "a power of a power": (
        "dZ3 = 9**9**9",
        "a power in an exponent is not part of a formula; where: line 1, column 10; try: parentheses, (a ** 2) ** 3",
    ),
    "a large exponent": ("dZ3 = A3 ** 9999999", "the exponent is larger than 1,000; where: line 1, column 13"),
    "a shift of bits": (
        "dZ3 = 1 << 10**10",
        f"a shift of bits (<<) is not part of a formula; where: line 1, column 9{ALLOWED}",
    ),
    "a long constant text": (
        f"dZ3 = '{'x' * 900_000}'",
        "a formula of 900,003 characters has more than 4,000; where: line 1, column 4006",
    ),
    "a NUL byte": ("dZ3 = A3\0 - Y", f"'\\x00' is not part of a formula; where: line 1, column 9{ALLOWED}"),
    "a line without end": ("x" * 30_000_000, LARGE),
    "nothing but comments": ("#" * 30_000_000, LARGE),
    "nothing but ends of lines": ("\r" * 30_000_000, LARGE),
    "more lines than anybody writes": (
        "\n".join(f"q{k} = A3 - Y" for k in range(50_000)),
        "there are more than 1,000 formulas; where: line 1001, column 1",
    ),
    "a name that imports": (
        "dZ3 = __import__('os').system('touch ran')",
        (
            "'.system' is no method that formulas have; where: line 1, column 7; try: methods: all, any, argmax, "
            "argmin, astype, clip, copy, cumsum, dot, flatten, item, max, mean, min, prod, ..."
        ),
    ),
    "the way to all classes": (
        "dZ3 = A3.__class__.__mro__[-1]",
        "'.__mro__' is no attribute that formulas have; where: line 1, column 7; try: .T, .mT, .shape, .size, .ndim",
    ),
    "NumPy that reads files": (
        "dZ3 = np.fromfile('/etc/passwd')",
        "np has no function 'fromfile' (did you mean 'tril'?) that formulas may call; where: line 1, column 7"
        + ALLOWED,
    ),
    "a function of its own": (
        "dZ3 = (lambda: A3)()",
        f"a function of its own (lambda) is not part of a formula; where: line 1, column 8{ALLOWED}",
    ),
    "an f-string": (
        "dZ3 = f'{A3}'",
        f"text with a prefix, such as an f-string, is not part of a formula; where: line 1, column 7{ALLOWED}",
    ),
}


@pytest.mark.parametrize("name", REFUSED_TEXTS)
def test_a_hostile_formula_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    text, said = REFUSED_TEXTS[name]
    (tmp_path / "formulas.txt").write_bytes(text.encode())
    done = command(tmp_path, "check", "nets:DNN", "formulas.txt")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"chainrule: error: {said}\n")
    assert [file.name for file in tmp_path.iterdir()] == ["formulas.txt"]


COSTLY = {
    "a large array": "np.ones((100000, 100000))",
    "a large product": "np.outer(np.ones(99999), np.ones(99999))",
    "a value a thousand million times": "np.tile(A3, 1000000000)",
    "a product of twelve axes": "np.einsum('ab,cd,ef,gh,ij,kl->abcdefghijkl', W2, W2, W2, W2, W2, W2)",
    "a number of ten thousand digits": "999999999 ** 999",
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_formula_is_wrong_and_not_computed(name: str, tmp_path: Path) -> None:
    (tmp_path / "formulas.txt").write_text(f"dZ3 = {COSTLY[name]}\n")
    done = command(tmp_path, "check", "nets:DNN", "formulas.txt")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("The line is wrong.\n")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device on this system")
def test_a_device_without_end_is_neither_formulas_nor_feeds_nor_a_net(tmp_path: Path) -> None:
    said = [
        command(tmp_path, *arguments.split()).stderr
        for arguments in (
            "check nets:DNN /dev/zero",
            "gradcheck nets:DNN --feeds /dev/zero",
            "gradcheck /dev/zero",
        )
    ]
    assert said == [
        "chainrule: error: /dev/zero holds more than 1 MB; try: a file of formulas: lines such as dB3 = dZ3\n",
        (
            "chainrule: error: /dev/zero is no file: a device or a pipe has no end; "
            'try: numpy.savez("data.npz", A0=x, Y=y)\n'
        ),
        "chainrule: error: /dev/zero is no Python file; try: module:attribute or path/to/file.py[:attribute]\n",
    ]


def npy(descr: str, shape: str, content: bytes = b"\0" * 64) -> bytes:
    """A .npy whose header says whatever it likes."""
    return npy_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}") + content


def npy_header(text: str) -> bytes:
    header = text.encode("latin1") + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def npz(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def patched(archive: bytes, place: int, value: bytes) -> bytes:
    """The archive with some bytes of the entry in its directory replaced."""
    start = archive.index(b"PK\x01\x02") + place
    return archive[:start] + value + archive[start + len(value) :]


PICKLE = b"cposix\nsystem\n(S'touch ran'\ntR."
PLAIN = npz({"A0.npy": npy("'<f8'", "(8,)")})
NO_ARRAY = "feeds.npz holds something that is no plain array; given: "
# What takes seconds to make is made by its test, and not by every process that reads this file.
REFUSED_FEEDS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "pickled objects": (
        npz({"A0.npy": npy("'|O'", "(1,)", PICKLE)}),
        f"{NO_ARRAY}ValueError: Object arrays cannot be loaded when allow_pickle=False",
    ),
    "pickled objects inside of records": (
        npz({"A0.npy": npy("[('a', '|O')]", "(1,)", PICKLE)}),
        f"{NO_ARRAY}ValueError: Object arrays cannot be loaded when allow_pickle=False",
    ),
    "a pickle in the place of an array": (npz({"A0.npy": PICKLE}), f"{NO_ARRAY}TypeError: 'A0' is no .npy"),
    "a pickle in the place of the file": (PICKLE, "feeds.npz is no .npz file"),
    "an array of 10^15 numbers": (
        npz({"A0.npy": npy("'<f8'", "(1000000000000000,)")}),
        f"{NO_ARRAY}MemoryError: Unable to allocate 7.11 PiB",
    ),
    "numbers of a gigabyte each": (
        npz({"A0.npy": npy("'|V1000000000'", "(3,)")}),
        f"{NO_ARRAY}MemoryError: Unable to allocate 2.79 GiB",
    ),
    "a size that overflows": (
        npz({"A0.npy": npy("'<f8'", "(9223372036854775807, 9223372036854775807)")}),
        f"{NO_ARRAY}ValueError: cannot reshape array",
    ),
    "a negative size": (npz({"A0.npy": npy("'<f8'", "(-5,)")}), f"{NO_ARRAY}ValueError: negative dimensions"),
    "a hundred axes": (npz({"A0.npy": npy("'<f8'", f"({'1,' * 100})")}), f"{NO_ARRAY}ValueError: maximum supported"),
    "a header that nests": (npz({"A0.npy": npy_header("[" * 9000)}), f"{NO_ARRAY}TokenError"),
    "a header of signs": (npz({"A0.npy": npy_header("-" * 9000 + "1")}), f"{NO_ARRAY}MemoryError"),
    "a header of 200 MB": (
        lambda: npz({"A0.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 200_000_000) + b"{" * 200_000_000}),
        f"{NO_ARRAY}ValueError: Header info length (200000000) is large",
    ),
    "a header that calls": (
        npz({"A0.npy": npy("__import__('os').system('touch ran')", "(3,)")}),
        f"{NO_ARRAY}ValueError: malformed node or string",
    ),
    "a dtype that is none": (npz({"A0.npy": npy("3", "(3,)")}), f"{NO_ARRAY}ValueError: descr is not a valid dtype"),
    "fields outside of their record": (
        npz({"A0.npy": npy("{'names': ['a'], 'formats': ['f8'], 'offsets': [-8]}", "(3,)")}),
        f"{NO_ARRAY}ValueError: ",
    ),
    "a size that is text": (npz({"A0.npy": npy("'<f8'", "('a',)")}), f"{NO_ARRAY}ValueError: shape is not valid"),
    "an archive with a password": (
        patched(PLAIN, 8, b"\1"),
        f"{NO_ARRAY}RuntimeError: File 'A0.npy' is encrypted",
    ),
    "a compression that nobody knows": (
        patched(PLAIN, 10, b"\x63"),
        f"{NO_ARRAY}NotImplementedError: That compression",
    ),
    "an archive of the future": (patched(PLAIN, 6, b"\x63"), f"{NO_ARRAY}NotImplementedError: zip file version 9.9"),
    "an archive that claims 2 GB": (
        patched(PLAIN, 24, b"\xff\xff\xff\x7f"),
        "feeds.npz holds more than 1 GB; given: 2,147,483,647 bytes of arrays",
    ),
    "names that leave the folder, and that a terminal obeys": (
        npz({"../../ran.npy": npy("'<f8'", "()"), "a\x1b[31mb\n\u202e.npy": npy("'<f8'", "()")}),
        "feeds: missing 'A0', 'Y'; unknown '../../ran', 'a\\x1b[31mb\\n\\u202e'; where: ",
    ),
    "sixty thousand arrays": (
        lambda: npz({f"a{k}.npy": npy("'<f8'", "()", b"\0" * 8) for k in range(60_000)}, zipfile.ZIP_STORED),
        "feeds: missing 'A0', 'Y'; unknown 'a0' (did you mean 'A0'?), 'a1'",
    ),
}


@pytest.mark.parametrize("name", REFUSED_FEEDS)
def test_a_hostile_file_of_feeds_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, said = REFUSED_FEEDS[name]
    (tmp_path / "feeds.npz").write_bytes(content() if callable(content) else content)
    done = command(tmp_path, "gradcheck", "nets:DNN", "--feeds", "feeds.npz")
    assert done.returncode == 2
    assert done.stderr.startswith(f"chainrule: error: {said}")
    assert done.stderr.count("\n") == 1
    assert done.stderr[:-1].isprintable()
    assert len(done.stderr) < 5000
    assert [file.name for file in tmp_path.iterdir()] == ["feeds.npz"]


def test_a_megabyte_that_unpacks_to_more_than_a_gigabyte_is_not_unpacked(tmp_path: Path) -> None:
    zeros, pieces = b"\0" * 8_000_000, 150
    with (
        zipfile.ZipFile(tmp_path / "feeds.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("A0.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy("'<f8'", f"({pieces * 1_000_000},)", b""))
        for _ in range(pieces):
            member.write(zeros)
    assert (tmp_path / "feeds.npz").stat().st_size < 1_500_000
    done = command(tmp_path, "gradcheck", "nets:DNN", "--feeds", "feeds.npz")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "chainrule: error: feeds.npz holds more than 1 GB; given: 1,200,000,128 bytes of arrays; "
            "try: fewer columns; graph.forward takes arrays of any size\n"
        ),
    )


# --- hostile names ---------------------------------------------------------------------------------------------------

NAMES = [
    '"; drop [label="x',
    "'; import os #",
    "</text><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "&lt;b&gt; & <b>",
    "\\N \\G \\E \\",
    "\\input{/etc/passwd}$^_%#~",
    "}\\def\\a{",
    "two\nlines",
    "carriage\rreturn",
    "line\u2028separator\u2029\x85",
    "\nimport os; os.system('touch ran')\n#",
    "end of comment */ --> ]]> ?>",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnirts\u2066 turned",
    "NUL\x00byte",
    "\ud800 half a pair",
    "values['x']",
    "{self.__class__}%s%n",
    "`touch ran` $(touch ran)",
    "javascript:alert(1)",
    "__import__",
    "x" * 10_000,
]
# As long as the hostile ones: whether a remark has room behind its line depends on that.
PLAIN_NAMES = [f"name {chr(ord('a') + k)}".ljust(len(name), "n") for k, name in enumerate(NAMES)]
AS_LONG_WRITTEN = [f"name {chr(ord('a') + k)}".ljust(len(repr(name)) - 2, "n") for k, name in enumerate(NAMES)]


def graph_of(names: list[str]) -> cr.Graph:
    """A graph that has the names in every place where a name can stand."""
    total: cr.Node = cr.Constant(0.5)
    for k, name in enumerate(names):
        with cr.layer(f"{name} {k}"):
            value = cr.Tanh(cr.Parameter(name, (2, 3)) @ cr.Input(f"{name} in", (3, "m")), name=f"{name} value")
            total = cr.Add(total, cr.Sum(value), name=f"{name} sum")
    return cr.Graph(total)


def feeds_of(graph: cr.Graph) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {graph.name(leaf): (2, 3) if isinstance(leaf, cr.Parameter) else (3, 5) for leaf in graph.order}
    leaves = [*graph.parameters, *graph.inputs]
    return {graph.name(leaf): rng.normal(size=shapes[graph.name(leaf)]) for leaf in leaves}


GRAPH, TWIN = graph_of(NAMES), graph_of(PLAIN_NAMES)


def texts(graph: cr.Graph) -> Iterator[tuple[str, str]]:
    """Everything that the engine writes about a graph, a run, a plan and an error."""
    yield "graph", str(graph)
    yield "nodes", "\n".join(map(repr, graph.order))
    derivation = graph.derivation()
    for notation in ("text", "unicode", "latex", "mathml"):
        yield notation, getattr(derivation, notation)(shapes=True)
    run = graph.forward(feeds_of(graph))
    run.backward()
    yield "run", repr(run) + repr(run.values) + repr(run.gradients)
    yield "gradcheck", str(graph.check_gradients(feeds_of(graph)))
    plan = graph.compile()
    plan(feeds_of(graph))
    yield "plan", plan.source
    yield "program", f"{plan.program}\n{plan.explain()}\n{plan!r}"
    yield "dot", graph.draw().dot
    yield "dot with gradients", run.draw().dot
    for feeds in ({}, {f"{name}?": 1 for name in graph.names}):
        with pytest.raises(cr.errors.FeedError) as caught:
            graph.forward(feeds)
        yield "error", str(caught.value)


WRITTEN, EXPECTED = list(texts(GRAPH)), list(texts(TWIN))
EXPECTED_TEXT = next(text for kind, text in texts(graph_of(AS_LONG_WRITTEN)) if kind == "text")


def unprintable(text: str) -> set[str]:
    """Characters that a terminal may obey; those that stand there without any hostile name are the engine's own."""
    return {c for c in text if not c.isprintable()}


@pytest.mark.parametrize("place", range(len(WRITTEN)), ids=[name for name, _ in WRITTEN])
def test_no_name_reaches_an_output_as_anything_but_visible_text(place: int) -> None:
    (kind, text), (_, expected) = WRITTEN[place], EXPECTED[place]
    expected = EXPECTED_TEXT if kind == "text" else expected
    assert unprintable(text) <= unprintable(expected), kind
    # as many lines as with harmless names: none ends early, and none is added
    assert len(text.splitlines()) == len(expected.splitlines())


def statements(source: str) -> Counter[str]:
    """How often each kind of syntax stands in a source; names and numbers aside."""
    return Counter(type(node).__name__ for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize("block", [None, 2])
def test_the_printed_source_of_a_plan_has_the_same_syntax_whatever_the_names(block: int | None) -> None:
    from chainrule.plan.plan import compile_graph

    sources = []
    for graph in (GRAPH, TWIN):
        plan = compile_graph(graph, block=block)
        plan(feeds_of(graph))
        sources.append(plan.source)
    assert statements(sources[0]) == statements(sources[1])
    hostile, plain = (
        [kind for kind, *_ in tokenize.generate_tokens(io.StringIO(source).readline)] for source in sources
    )
    assert hostile == plain


def test_the_printed_loop_of_a_plan_has_the_same_syntax_whatever_the_names() -> None:
    pytest.importorskip("numba", reason="the loop is printed for Numba, which the extra jit installs")
    few = [NAMES[k] for k in (0, 1, 8, 9, 10, 11, 13, 16)]  # more would be too large for one loop
    sources = []
    for names in (few, PLAIN_NAMES[: len(few)]):
        graph = graph_of(names)
        plan = graph.compile(backend="numba")
        assert "one compiled loop" in plan.explain()
        sources.append(plan.source)
    assert statements(sources[0]) == statements(sources[1])
    assert all(c.isprintable() or c == "\n" for c in sources[0])


MATHML = "http://www.w3.org/1998/Math/MathML"


def test_mathml_is_well_formed_and_has_no_elements_of_a_name() -> None:
    for hostile, plain in zip(WRITTEN, EXPECTED, strict=True):
        if hostile[0] == "mathml":
            found, expected = (
                Counter(element.tag for element in ET.fromstring(f"<all>{text}</all>").iter())
                for text in (hostile[1], plain[1])
            )
            assert set(found) <= {"all", *(f"{{{MATHML}}}{tag}" for tag in MATHML_TAGS), *MATHML_TAGS}
            assert set(expected) <= set(found) | set(MATHML_TAGS) | {f"{{{MATHML}}}{tag}" for tag in MATHML_TAGS}


MATHML_TAGS = "math mrow mi mn mo mtext msub msup msubsup mfrac mtable mtr mtd mspace mover munder mstyle".split()


def test_latex_has_no_command_of_a_name() -> None:
    (latex,) = (text for kind, text in WRITTEN if kind == "latex")
    (plain,) = (text for kind, text in EXPECTED if kind == "latex")
    assert "\\input" not in latex
    assert "\\def" not in latex
    commands = set(_commands(latex)) - {"\\backslash", "\\sim", "\\hat", "\\mathrm"}  # signs that are written out
    assert commands <= set(_commands(plain))
    bare = latex.replace("\\{", "").replace("\\}", "")
    assert bare.count("{") == bare.count("}")


def _commands(latex: str) -> Iterator[str]:
    for part in latex.split("\\")[1:]:
        letters = "".join(c for c in part[: next((k for k, c in enumerate(part) if not c.isalpha()), len(part))])
        if letters:
            yield f"\\{letters}"


@pytest.mark.parametrize("options", [{"collapse": False}, {"layer": None}])
def test_svg_has_no_elements_attributes_or_links_of_a_name(options: dict[str, Any]) -> None:
    few = [name for name in NAMES if len(name) < 100][:8]
    hostile, plain = (
        ET.fromstring(graph_of(names).draw(wrap=False, **options).svg()) for names in (few, PLAIN_NAMES[: len(few)])
    )
    for root in (hostile, plain):
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= SVG_TAGS
        assert not [key for element in root.iter() for key in element.attrib if "href" in key or key.startswith("on")]
    groups = [sum(element.tag.endswith("}g") for element in root.iter()) for root in (hostile, plain)]
    assert groups[0] == groups[1]
    assert unprintable("".join(hostile.itertext())) <= unprintable("".join(plain.itertext()))


SVG_TAGS = {"svg", "g", "title", "path", "polygon", "polyline", "ellipse", "text", "tspan", "style"}


def test_every_hostile_name_alone_is_drawn_as_text() -> None:
    for name in NAMES:
        root = ET.fromstring(cr.Graph(cr.Exp(cr.Input(name), name="y")).draw().svg())
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= SVG_TAGS, name
        shown = "".join(element.text or "" for element in root.iter() if element.tag.endswith("}text"))
        assert len(shown) > 3, name  # Graphviz drops the whole text of a label that it cannot read


OF_MATHML = "\xa0\u2061\u2062"  # the space, and the signs of a function and of a product, which are not seen


@pytest.fixture
def net_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A NET whose nodes have hostile names, in the current folder."""
    lines = Path(__file__).read_text(encoding="utf-8")
    start, end = lines.index("def graph_of"), lines.index("def feeds_of")
    text = f"import chainrule as cr\nNAMES = {NAMES!a}\n{lines[start:end]}\ngraph = graph_of(NAMES)\n"
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        "derive net.py",
        "derive net.py --unicode",
        "derive net.py --latex",
        "derive net.py --mathml --shapes",
        "gradcheck net.py",
        "check net.py formulas.txt",
        "check net.py formulas.txt --json",
        "draw net.py -o net.dot --highlight none",
        "draw net.py -o net.dot --layer none",
        "gradcheck net.py --feeds feeds.npz",
    ],
)
def test_no_name_is_obeyed_by_a_terminal(arguments: str, net_file: Path, capsys: Any) -> None:
    (net_file / "formulas.txt").write_text("d__import__ = 1\nq = d__import__ * 2\n", encoding="utf-8")
    np.savez(net_file / "feeds.npz", allow_pickle=True, **{"\x1b[31m": np.zeros(3)})
    before = {file.name for file in net_file.iterdir()}
    code = cli.main(arguments.split())
    shown = capsys.readouterr()
    assert code in (0, 1, 2)
    assert shown.out + shown.err
    assert unprintable(shown.out + shown.err) <= {"\n", *OF_MATHML}
    assert {file.name for file in net_file.iterdir()} == before


# --- what the source may do ------------------------------------------------------------------------------------------

FILES = sorted((ROOT / "graphlib" / "chainrule").rglob("*.py")) + sorted((ROOT / "nets").rglob("*.py"))
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "system", "popen", "loads", "exec_module", "import_module"}
PLACES = {
    "chainrule/plan: compile": "the source that a plan prints; names in it are made, never taken",
    "chainrule/plan: exec": "as above",
    "chainrule/plan: loads": "a plan that the same program pickled for its own processes",
    "chainrule/commands/loading.py: exec_module": "a NET, which is Python and runs",
    "chainrule/commands/loading.py: import_module": "a NET, which is Python and runs",
    "chainrule/__init__.py: import_module": "modules of this package, by names that stand there",
    "chainrule/commands/subcommands.py: import_module": "nets.demo",
    "chainrule/notation/__init__.py: import_module": "printers of this package, by names that stand there",
    "nets/__init__.py: import_module": "nets.training",
    "chainrule/interop/neighbour.py: import_module": "torch, jax and jax.numpy, by names that stand there",
    "chainrule/judging/functions/runner.py: exec_module": "a file that is handed in, which is Python and runs",
    "chainrule/judging/functions/messages_between.py: loads": "a question, from the process that started this one",
}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the syntax of every module."""
    for path in FILES:
        folder = ROOT / "graphlib" if path.is_relative_to(ROOT / "graphlib") else ROOT
        place = path.relative_to(folder).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield place, node


def name_of(node: ast.AST) -> str:
    """The function that a name or an attribute is; a method called compile is of a graph or an expression."""
    if isinstance(node, ast.Attribute):
        return "" if node.attr == "compile" else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_text_is_run_in_few_places_and_each_has_its_reason() -> None:
    found = {(place, name_of(node)) for place, node in nodes() if name_of(node) in RUNS_TEXT}
    families = {("chainrule/plan" if place.startswith("chainrule/plan/") else place, name) for place, name in found}
    assert {f"{place}: {name}" for place, name in families} == set(PLACES)


def test_no_process_is_started_through_a_shell_and_no_array_is_unpickled() -> None:
    loads = 0
    for place, node in nodes():
        if isinstance(node, ast.Call):
            options = {option.arg: option.value for option in node.keywords}
            assert "shell" not in options, place
            if name_of(node.func) == "load":
                assert ast.unparse(options["allow_pickle"]) == "False", place
                loads += 1
    assert loads == 3  # weights and the feeds of a command, and what a file that was handed in has answered
