"""What a sheet says: what to do, what is asked, where the answer goes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.practice.handout import CHOICE, FORMULA, FUNCTION, FUNCTION_NAME, SHAPE, Handout, Question, is_assignable

MARK: Final = "chainrule sheet"
_LEVELS: Final = {
    SHAPE: "Choose the shape of each line.",
    CHOICE: "Choose the formula of each line; one of them is right.",
    FORMULA: "Write the formula of each line, in NumPy, Unicode or LaTeX. It may use every value of the table, every"
    " gradient that comes before it on the way back, and the number of examples.",
    FUNCTION: "Write the function. It is handed all values by name, and returns the gradients by name.",
}
_WHERE: Final = {
    SHAPE: "The answer is a letter, between the quotes.",
    CHOICE: "The answer is a letter, between the quotes.",
    FORMULA: "The answer stands between the quotes.",
    FUNCTION: "The dots wait for it.",
}
_CONVENTIONS: Final = {
    "mean": "Gradients are those of the mean loss: the division by {m} stands in the first gradient, and nowhere else.",
    "per-example": "Gradients are those of one example each: the division by {m} stands where {examples} are summed,"
    " for the parameters.",
    "auto": "Where the division by {m} stands is yours to choose: in the first gradient, or where {examples} are"
    " summed, for the parameters. Be consistent.",
}


def introduction(sheet: Handout, *, form: bool = False) -> list[str]:
    """What to do, and where the division by the number of examples stands; a form shows where answers go."""
    task = _LEVELS[sheet.level] if form else f"{_LEVELS[sheet.level]} {_WHERE[sheet.level]}"
    return [part for part in (task, convention_said(sheet)) if part]


def convention_said(sheet: Handout) -> str:
    """Where the division by the number of examples stands; "" where there is none."""
    text = _CONVENTIONS.get(sheet.convention, "")
    return text.format(m=sheet.batch, examples=sheet.examples)


def asked(sheet: Handout, one: Question | None = None) -> str:
    """The question on one line, or on the function of all."""
    if one is None:
        names = ", ".join(f"`{each.name}` {each.shape}" for each in sheet.questions)
        return f"`{FUNCTION_NAME}` returns {names}."
    if sheet.level == SHAPE:
        question = f"Which shape has `{one.name}`?"
    elif sheet.level == CHOICE:
        question = f"Which formula gives `{one.name}`, of shape {one.shape}?"
    else:
        question = f"What is `{one.name}`, of shape {one.shape}?"
    return "\n\n".join([question, *(f"({letter}) `{text}`" for letter, text in one.choices)])


def answer_block(sheet: Handout, one: Question | None = None) -> str:
    """The code that waits for an answer."""
    if one is not None:
        return f'{one.name} = ""'
    labels = "".join(f", {name}" for name in sheet.labels[:1] if is_assignable(name))
    returned = "".join(f'        "{each.name}": ...,\n' for each in sheet.questions)
    said = '"""The gradients by name; cache holds all values by name, such as cache["{}"]."""'
    first = next((value.name for value in sheet.values if value.kind == "value" and is_assignable(value.name)), "x")
    return f"def {FUNCTION_NAME}(cache{labels}):\n    {said.format(first)}\n    return {{\n{returned}    }}"


def marked(identity: str, form: str) -> str:
    """The mark by which a sheet is known when it comes back."""
    return form.format(f"{MARK} {identity}")


def points_said(points: float) -> str:
    """How many points, in words."""
    return f"{points:g} point{'s' * (points != 1)}"


def data_as_code(sheet: Handout) -> str:
    """The data as lines of Python; the intermediate values in a dict, as the function is handed them."""
    lines = [f"{name} = {_array(value)}" for name, value in sheet.data.items() if is_assignable(name)]
    if sheet.level == FUNCTION:
        names = ", ".join(f'"{name}": {name}' for name in sheet.data if is_assignable(name))
        lines.append(f"cache = {{{names}}}")
    return "\n".join(lines)


def _array(value: Any) -> str:
    if np.ndim(value) == 0:
        return repr(value.item())
    kind = "" if value.dtype.kind == "f" else f", dtype={value.dtype.name}"
    return f"np.array({value.tolist()}{kind})"


def test_of(sheet: Handout, one: Question, key: str) -> str:
    """A plain assert that holds where the answer to a line is right, by the teacher's file."""
    answer = FUNCTION_NAME if sheet.level == FUNCTION else one.name
    graded = f'Grader({key!r}, sheet="{sheet.identity}").check("{one.name}", {answer})'
    return f"from chainrule.practice import Grader\n\nmark = {graded}\nassert mark, str(mark)"
