"""The console that runs a block of a page in the browser: what it prints is what a console prints."""

from scripts import script

import chainrule as cr


def console():
    return script("docs/_static/try_console.py")


def test_values_are_printed_as_they_are_typed_and_a_mistake_ends_nothing():
    said = console().run("x = 2\nx + 1\nNone\nprint('two')\n1 / 0\n'on'\n")
    text = "3\ntwo\nTraceback (most recent call last):\n  ...\nZeroDivisionError: division by zero\n'on'\n"
    assert said == {"text": text, "pictures": []}


def test_what_cannot_be_read_is_told_with_its_place():
    said = console().run("a = 1\nb = (\n")["text"]
    assert "line 2" in said
    assert "SyntaxError: '(' was never closed" in said


def test_blocks_share_their_names_and_functions_have_their_source():
    held = console()
    held.run("import inspect\ndef double(x):\n    return 2 * x\n")
    held.run("def triple(x):\n    return 3 * x\n")
    said = held.run("print(inspect.getsource(double), inspect.getsource(triple))")["text"]
    assert said.split() == "def double(x): return 2 * x def triple(x): return 3 * x".split()


def test_a_picture_comes_along():
    held = console()
    held.scope["graph"] = cr.Graph(cr.Exp(cr.Parameter("x"), name="y"))
    said = held.run("graph.draw()")
    assert said["text"].startswith("<Drawing of")
    (picture,) = said["pictures"]
    assert "<svg" in picture
