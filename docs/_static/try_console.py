"""A console in the browser: runs the statements of a block one by one, and tells what each printed or showed."""

import ast
import contextlib
import io
import linecache
import sys
import traceback

PAGE = "<page>"
scope = {"__name__": "__main__"}
told = {"text": "", "pictures": []}


def run(source):
    """What a console prints for these statements, and the pictures among their values, as SVG."""
    told.update(text="", pictures=[])
    told["blocks"] = told.get("blocks", 0) + 1
    place = f"{PAGE[:-1]} {told['blocks']}>"  # another name for every block: functions are read from their source
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            statements = ast.parse(source, place).body
        except SyntaxError as error:
            print(*traceback.format_exception_only(error), sep="", end="")
        else:
            for statement in statements:
                execute(statement, place)
    return {"text": out.getvalue(), "pictures": told["pictures"]}


def execute(statement, place):
    """One statement, as it is typed."""
    before, sys.displayhook = sys.displayhook, show
    try:
        exec(compile(ast.Interactive([statement]), place, "single"), scope)
    except BaseException as error:  # as in a console: it is told, and on it goes
        print("Traceback (most recent call last):\n  ...")
        print(*traceback.format_exception_only(error), sep="", end="")
    finally:
        sys.displayhook = before


def show(value):
    """The value of an expression, and its picture where it is one."""
    if value is None:
        return
    print(repr(value))
    scope["_"] = value
    shown = value._repr_mimebundle_() if hasattr(type(value), "_repr_mimebundle_") else {}
    if "image/svg+xml" in shown:
        told["pictures"].append(shown["image/svg+xml"])
