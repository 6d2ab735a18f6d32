"""A learner's code against the grader: it gets no points but for right arrays, and reaches nothing of the teacher's.

Each attack is one process with NumPy in it, so those that only look around share one.
"""

import os
import subprocess
import sys
import textwrap

import pytest

import chainrule as cr
import nets
from chainrule.judging.functions.confinement import has_landlock, package_folder

DNN = nets.DNN(sizes=(2, 4, 3, 1)).graph
HONEST = """
def gradients(cache, Y):
    dZ3 = cache["A3"] - Y
    return {"dZ3": dZ3, "dW3": dZ3 @ cache["A2"].T / Y.shape[1]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a teacher has: the key, and what came back in a folder below it."""
    place = tmp_path_factory.mktemp("course")
    (place / "came_back").mkdir()
    cr.exercise(DNN, ["dZ3", "dW3"], 4, convention="per-example").save(place / "sheet.py")
    return place


def graded(folder, text, seconds=20.0):
    """The points for a text, and what was said of the first line."""
    mark = (folder / "sheet.py").read_text("utf-8").splitlines()[0]
    path = folder / "came_back" / "sheet.py"
    path.write_text(f"{mark}\n{text}", "utf-8")
    [one] = cr.practice.grade(path, folder / "sheet.key.json", seconds=seconds).files
    return one.points, one.marks[0].told


LOOKING_AROUND = """
import os, sys, glob

KEY = {key!r}
FOLDER = {folder!r}
PARENT = "/proc/" + str(os.getppid())

class Path:
    def __fspath__(self):
        return KEY

class Text(str):
    pass

def frames():
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back

def ways():
    yield "open", lambda: open(KEY).read()
    yield "open in bytes", lambda: open(KEY.encode()).read()
    yield "open a path", lambda: open(Path()).read()
    yield "open text of another class", lambda: open(Text(KEY)).read()
    yield "open with dots", lambda: open("x/../../../../../../../.." + KEY).read()
    yield "os.open", lambda: os.open(KEY, os.O_RDONLY)
    yield "os.open in a folder", lambda: os.open(KEY[1:], os.O_RDONLY, dir_fd=os.open("/", os.O_RDONLY))
    yield "listdir", lambda: os.listdir(FOLDER)
    yield "scandir", lambda: list(os.scandir(FOLDER))
    yield "glob", lambda: glob.glob(FOLDER + "/*")[0]
    yield "walk", lambda: next(os.walk(FOLDER))
    yield "pathlib", lambda: __import__("pathlib").Path(KEY).read_text()
    yield "np.load", lambda: __import__("numpy").load(KEY, allow_pickle=True)
    yield "np.fromfile", lambda: __import__("numpy").fromfile(KEY, dtype="u1")[0]
    yield "np.memmap", lambda: __import__("numpy").memmap(KEY)[0]
    yield "np.loadtxt", lambda: __import__("numpy").genfromtxt(KEY, dtype=str)
    yield "a loader", lambda: __import__("importlib.machinery").machinery.SourceFileLoader("k", KEY).get_data(KEY)
    yield "linecache", lambda: __import__("linecache").getlines(KEY)[0]
    yield "zipfile", lambda: __import__("zipfile").ZipFile("a.zip", "w").write(KEY)
    yield "sqlite", lambda: __import__("sqlite3").connect(FOLDER + "/x.db").execute("create table t(a)")
    yield "environment", lambda: [text for text in os.environ.values() if FOLDER in text][0]
    yield "arguments", lambda: [text for text in sys.orig_argv + sys.argv if FOLDER in text][0]
    yield "standard input", lambda: sys.stdin.buffer.read()[0]
    yield "path", lambda: [text for text in sys.path if FOLDER in text][0]
    yield "the parent's arguments", lambda: open(PARENT + "/cmdline").read()
    yield "the parent's environment", lambda: open(PARENT + "/environ").read()
    yield "the parent's memory", lambda: open(PARENT + "/mem", "rb")
    yield "the parent's files", lambda: os.listdir(PARENT + "/fd")
    yield "the parent's folder", lambda: os.listdir(PARENT + "/cwd")
    yield "the modules", lambda: sys.modules["chainrule.practice.teachers_file"]
    yield "gradients of a frame", lambda: [
        given for frame in frames() for value in list(frame.f_locals.values()) if hasattr(value, "draws")
        for given in value.draws.values() if "dZ3" in given or "dW3" in given
    ][0]
    yield "the objects", lambda: __import__("gc").get_objects()[0]
    yield "os.system", lambda: os.system("true")
    yield "os.popen", lambda: os.popen("cat " + KEY).read()
    yield "subprocess", lambda: __import__("subprocess").check_output(["cat", KEY])
    yield "fork", lambda: os.fork()
    yield "spawn", lambda: os.posix_spawn("/bin/cat", ["cat", KEY], {{}})
    yield "multiprocessing", lambda: __import__("multiprocessing").Process(target=print).start()
    yield "ctypes", lambda: __import__("ctypes").CDLL(None).getpid()
    yield "a socket", lambda: __import__("socket").socket()
    yield "a link", lambda: os.symlink(KEY, "x")
    yield "a hard link", lambda: os.link(KEY, "x")
    yield "another folder", lambda: os.chdir(FOLDER)
    yield "a file outside", lambda: open(FOLDER + "/ran", "w")
    yield "a signal", lambda: os.kill(os.getppid(), 0)

def gradients(cache, Y):
    reached = []
    for name, way in ways():
        try:
            way()
        except BaseException:
            continue
        reached.append(name)
    raise ValueError("reached " + "; ".join(reached or ["nothing"]))
"""


def look_around(folder):
    text = LOOKING_AROUND.format(key=str(folder / "sheet.key.json"), folder=str(folder))
    return graded(folder, text)


def test_a_function_reaches_nothing_of_the_teachers(folder, monkeypatch):
    monkeypatch.setenv("CHAINRULE_KEY", str(folder / "sheet.key.json"))
    assert graded(folder, HONEST) == (2, "right")
    before = sorted(folder.rglob("*"))
    assert look_around(folder) == (0, "gradients(…) raises ValueError: reached nothing")
    assert sorted(folder.rglob("*")) == before


ONE_GUARD = """
import os, sys
from pathlib import Path
from chainrule.judging.functions import confinement
own, key, guard = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if guard == "interpreter":
    confinement.has_landlock = lambda: False
else:
    confinement._guard = lambda places: lambda event, arguments: None
confinement.confine(own)
(own / "written").write_text("as it may")
import sqlite3, random, numpy.linalg
for path in (key, f"/proc/{os.getppid()}/mem", f"/proc/{os.getppid()}/environ", "/etc/passwd", str(own.parent)):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    except PermissionError:
        continue
    print("reached", path)
"""


@pytest.mark.parametrize("guard", ["interpreter", "kernel"])
def test_each_guard_keeps_files_and_the_memory_of_the_parent_by_itself(folder, tmp_path, guard):
    if guard == "kernel" and not has_landlock():
        pytest.skip("this kernel has no Landlock")
    own = tmp_path / "own"
    own.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(package_folder()), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ONE_GUARD, str(own), str(folder / "sheet.key.json"), guard]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=own, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_the_kernel_has_no_such_guard_the_results_say_so(folder, monkeypatch):
    from chainrule.practice import grading

    monkeypatch.setattr(grading, "has_landlock", lambda: False)
    results = cr.practice.grade(folder / "sheet.py", folder / "sheet.key.json")
    assert "has no Landlock" in " ".join(str(results).split())


WORTHLESS = {
    "prints its points": """
        import sys
        def gradients(cache, Y):
            print("2 of 2 points"); sys.stderr.write("x" * 10**7)
            return {}""",
    "leaves": "import os\ndef gradients(cache, Y):\n    os._exit(0)",
    "is equal to everything": """
        class Equal:
            shape, dtype = (1, 3), float
            def __eq__(self, other): return True
            def __array__(self, *_, **__): return Equal()
            def __float__(self): return 0.0
        def gradients(cache, Y): return {"dZ3": Equal(), "dW3": Equal()}""",
    "is a dict that lies": """
        class Lying(dict):
            def __getitem__(self, key): return 0
            def keys(self): return ["dZ3", "dW3"]
            def values(self): return [1.0, 2.0]
        def gradients(cache, Y): return Lying(dZ3=1)""",
    "is NaN": """
        import numpy as np
        def gradients(cache, Y): return {"dZ3": Y * np.nan, "dW3": np.full((1, 3), np.nan)}""",
    "is infinite": """
        import numpy as np
        def gradients(cache, Y): return {"dZ3": Y + np.inf, "dW3": np.full((1, 3), np.inf)}""",
    "is huge": """
        import numpy as np
        def gradients(cache, Y): return {"dZ3": np.zeros((40000, 40000)), "dW3": 0 * Y}""",
    "exchanges what compares": """
        import numpy as np
        np.array_equal = np.allclose = np.isclose = lambda *_, **__: True
        import chainrule.judging.closeness as closeness
        closeness.same = closeness.agrees = lambda *_: True
        def gradients(cache, Y): return {"dZ3": Y, "dW3": Y[:, :3]}""",
    "asks for gradients": "def gradients(cache, dZ3, dW3): return {'dZ3': dZ3, 'dW3': dW3}",
    "asks the cache": "def gradients(cache): return {'dZ3': cache['dZ3'], 'dW3': cache.get('dW3')}",
    "answers early": """
        import numpy as np, os, sys
        def gradients(cache, Y):
            np.savez(sys.argv[4], told=np.array('{"points": 2, "ok": true}')); os._exit(0)""",
    "answers with an index that is not asked for": """
        import json, numpy as np, os, sys
        def gradients(cache, Y):
            told = {"shown": "f", "keys": ["dZ3"], "index": [], "lines": {}, "made": []}
            told["formulas"] = {"dZ3": ["A3 - Y", [1] * 3]}
            np.savez(sys.argv[4], told=np.array(json.dumps(told))); os._exit(0)""",
    "unpacks to gigabytes": """
        import os, sys, zipfile
        def gradients(cache, Y):
            with zipfile.ZipFile(sys.argv[4], "w", zipfile.ZIP_DEFLATED) as file, file.open("told.npy", "w") as one:
                for _ in range(300): one.write(bytes(10**6))
            os._exit(0)""",
    "is a pipe": """
        import os, sys
        def gradients(cache, Y): os.mkfifo(sys.argv[4]); os._exit(0)""",
    "calls itself": "def gradients(cache, Y): return gradients(cache, Y)",
    "raises what is no Exception": "def gradients(cache, Y): raise KeyboardInterrupt",
    "is of another dtype": """
        def gradients(cache, Y):
            dZ3 = cache["A3"] - Y
            return {"dZ3": dZ3.astype("float16"), "dW3": dZ3.astype(complex)}""",
    "is of another shape": """
        def gradients(cache, Y): return {"dZ3": (cache["A3"] - Y)[None], "dW3": 0.0}""",
}


@pytest.mark.parametrize("name", WORTHLESS)
def test_what_is_no_right_array_is_worth_nothing(folder, name):
    assert graded(folder, textwrap.dedent(WORTHLESS[name]))[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "def gradients(cache, Y):\n    while True: pass",
        """
import signal, time
for n in range(1, 32):
    try:
        old = signal.signal(n, signal.SIG_IGN)
    except Exception:
        old = None
def gradients(cache, Y):
    old
    time.sleep(99)
""",
    ],
)
def test_what_does_not_end_is_ended(folder, text):
    assert graded(folder, text, seconds=3) == (0, f"{folder}/came_back/sheet.py runs for more than 3 seconds")


def test_a_thread_that_is_left_behind_keeps_nobody_waiting(folder):
    text = """
import threading, time
def gradients(cache, Y):
    threading.Thread(target=time.sleep, args=(99,)).start()
    return {}
"""
    assert graded(folder, text, seconds=30) == (0, "gradients(…) returns no gradients by name; dict")


def test_levels_that_ask_for_formulas_run_nothing(folder, tmp_path):
    sheet = cr.exercise(DNN, ["dZ3", "dW3"], 3, convention="per-example")
    path = sheet.save(tmp_path / "sheet.py")
    marker = tmp_path / "ran"
    runs = f"open({str(marker)!r}, 'w')"
    text = path.read_text() + f"\ndZ3 = A3 - Y\ndW3 = {runs} or 1\nimport os; os.system('touch {marker}')\n{runs}\n"
    path.write_text(text)
    assert [mark.told for mark in cr.practice.grade(path).files[0].marks] == ["right", "unreadable"]
    assert not marker.exists()
