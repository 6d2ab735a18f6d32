"""What the engine hands around cannot be changed behind anybody's back: its dataclasses are frozen, but for a few."""

import dataclasses
import importlib
import pkgutil

import chainrule as cr

BUILT_UP = {  # while they are drawn, judged or read, by the one function that made them
    "chainrule.drawing.blocks.Block",
    "chainrule.interop.onnx_translation.Value",
    "chainrule.drawing.scene.Scene",
    "chainrule.judging.findings.Finding",
    "chainrule.judging.functions.answers.Answers",
    "chainrule.judging.reading.fitting.OpenPlaces",
    "chainrule.judging.reading.lines._File",
    "chainrule.judging.reading.lines._Given",
}


def name_of(kind):
    return f"{kind.__module__}.{kind.__name__}"


def dataclasses_of(package):
    """Every dataclass defined in a module of the package."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith("__main__"):
            continue
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name and dataclasses.is_dataclass(kind):
                yield kind


def test_a_dataclass_is_frozen_unless_it_is_built_up():
    assert {name_of(kind) for kind in dataclasses_of(cr) if not kind.__dataclass_params__.frozen} == BUILT_UP
