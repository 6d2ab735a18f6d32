"""How long a step takes on pages of large runs, in a headless Chromium: `python tests/benchmarks/page_steps.py`.

From the key to the end of layout, and to the frame after the one that is painted, which no page reaches in less than
two turns of the screen (33 ms). The group `pages` and a Chromium are needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import chainrule as cr

STEPS = """async (keys) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const laid = [], painted = [];
  for (const key of keys) {
    await frame();
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    document.body.getBoundingClientRect();
    laid.push(performance.now() - start);
    await frame();
    painted.push(performance.now() - start);
  }
  return [laid, painted];
}"""


def deep(layers: int, width: int = 4) -> cr.Graph:
    """Layers of three nodes: a weight, a product, an activation."""
    z: cr.Node = cr.Parameter("z", (width, 6))
    for k in range(layers):
        with cr.layer(f"Layer {k}"):
            z = cr.Tanh(cr.Parameter(f"W{k}", (width, width)) @ z, name=f"A{k}")
    return cr.Graph(cr.Sum(z, name="L"))


def page(graph: cr.Graph) -> Any:
    rng = np.random.default_rng(0)
    run = graph.forward({leaf.name: rng.normal(size=leaf.shape) / 2 for leaf in graph.parameters})
    run.backward()
    return run.page(numerical=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    asked = parser.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHAINRULE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as running, tempfile.TemporaryDirectory() as folder:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for layers in (99, 333):
            graph, path = deep(layers), Path(folder, "page.html")
            page(graph).save(path)
            tab = browser.new_page(viewport={"width": 1400, "height": 1000})
            tab.goto(path.as_uri())
            size = path.stat().st_size / 1e6
            for title, keys in (
                ("forward", ["ArrowRight"] * asked.steps),
                ("far", ["End", "Home"] * (asked.steps // 2)),
            ):
                laid, painted = tab.evaluate(STEPS, keys)
                took = f"{statistics.median(laid):.1f} ms (longest {max(laid):.1f})"
                seen = f"{statistics.median(painted):.1f} ms (longest {max(painted):.1f})"
                print(f"{len(graph)} nodes, {size:.2f} MB, {title}: {took}, two frames {seen}", flush=True)
            tab.close()
        browser.close()


if __name__ == "__main__":
    main()
