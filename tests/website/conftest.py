"""What the tests of the site share: the site, built once, and a server of this machine that has it."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs"))


@pytest.fixture(scope="session")
def site():
    """The site, built as its readers get it: by the first of the workers, and the others find it made."""
    folder = ROOT / "build" / "site"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'graphlib'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-j", "auto", "docs", str(folder)]
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@pytest.fixture(scope="session")
def address(site):
    """Where a server of this machine has the site."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that says nothing."""

    def log_message(self, format, *args):  # noqa: A002 — what the standard library calls it
        """Nothing."""
