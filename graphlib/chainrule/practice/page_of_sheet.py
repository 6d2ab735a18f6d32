"""A sheet as a page: one offline HTML file with a form, whose answers are saved as a file to hand in."""

from __future__ import annotations

from chainrule.drawing.theme import palette_named
from chainrule.page.document import as_text, put_together
from chainrule.practice.handout import FUNCTION, Handout, Question
from chainrule.practice.sheet_wording import answer_block, data_as_code, introduction, marked, points_said


def page(sheet: Handout) -> str:
    """The HTML of a sheet."""
    texts = {
        "title": as_text(sheet.title),
        "meta": f'<meta name="sheet" content="{marked(sheet.identity, "{}")}">\n',
        "introduction": "".join(f"<p>{as_text(part)}</p>\n" for part in introduction(sheet, form=True)),
        "values": "".join(map(_row, sheet.values)),
        "data": _data(sheet),
        "questions": _function(sheet) if sheet.level == FUNCTION else "".join(map(_question, sheet.questions)),
    }
    return put_together("chainrule.practice", "sheet", texts, palette_named("default"))


def _row(value: tuple[str, str, str, dict[str, str]]) -> str:
    name, kind, shape, formulas = value
    cells = "".join(f"<td>{as_text(cell)}</td>" for cell in (kind, shape))
    return f'<tr><th scope="row">{as_text(name)}</th>{cells}<td>{formulas.get("mathml", "")}</td></tr>\n'


def _data(sheet: Handout) -> str:
    if not sheet.data:
        return ""
    code = "\n".join(map(as_text, data_as_code(sheet).splitlines()))
    return f'<details><summary>Numbers to try with</summary>\n<pre tabindex="0">{code}</pre></details>\n'


def _question(one: Question) -> str:
    name = as_text(one.name)
    shape = f", of shape {as_text(one.shape)}" if one.shape else ""
    head = f'<h2>{name} <span class="points">{points_said(one.points)}</span></h2>'
    if one.choices:
        asked = f"Which formula gives {name}{shape}?" if one.shape else f"Which shape has {name}?"
        rows = "".join(_choice(one.name, letter, text) for letter, text in one.choices)
        body = f"<fieldset><legend>{asked}</legend>\n{rows}</fieldset>"
    else:
        field = f'<textarea id="answer-{name}" rows="2" spellcheck="false" autocomplete="off"></textarea>'
        body = f'<label for="answer-{name}">What is {name}{shape}?</label>\n{field}'
    return f'<section class="question" data-line="{name}">\n{head}\n{body}\n</section>\n'


def _choice(name: str, letter: str, text: str) -> str:
    field = f'<input type="radio" name="{as_text(name)}" value="{letter}">'
    return f'<label class="choice">{field} <span>({letter}) <code>{as_text(text)}</code></span></label>\n'


def _function(sheet: Handout) -> str:
    start = "\n".join(map(as_text, answer_block(sheet).splitlines()))
    head = f'<h2>The function <span class="points">{points_said(sheet.points)}</span></h2>'
    names = ", ".join(f"{as_text(one.name)} {as_text(one.shape)}" for one in sheet.questions)
    label = f'<label for="answer">Write the function; it returns {names}.</label>'
    field = f'<textarea id="answer" rows="18" wrap="off" spellcheck="false" autocomplete="off">\n{start}</textarea>'
    return f'<section class="question" data-line="function">\n{head}\n{label}\n{field}\n</section>\n'
