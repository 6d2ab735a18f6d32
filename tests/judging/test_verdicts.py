"""Verdicts and reports as people and programs get them: the table to the letter, HTML, JSON, the order of the lines."""

import json
import re

import pytest

from chainrule.errors import FormulaCheckError, UnknownNameError
from chainrule.judging.verdicts import Report, Verdict

LONG = "A1 + " * 20 + "A1"  # 102 characters


def right(name="dZ3", formula="A3 - Y", **more):
    return Verdict(name, formula, True, True, "right", **more)


def wrong(name="dW3", formula="dZ3 @ A2", diagnosis="A2 has to be transposed", repair="dZ3 @ A2.T", **more):
    return Verdict(name, formula, False, False, "wrong", diagnosis, repair, **more)


def suffering(name="dB3", formula="dZ3.sum()", because="dZ3"):
    return Verdict(name, formula, False, True, f"wrong only because {because} is", because=(because,))


def kept(name="s", formula="A2 * A2"):
    return Verdict(name, formula, True, True, "kept")


def rows(*verdicts):
    """The lines of the table alone."""
    return str(Report(verdicts)).split("\n\n")[0].splitlines()


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_table_to_the_letter():
    report = Report([right(), wrong(), suffering(because="dW3"), kept("slope")], "per-example", batch="n")
    assert str(report) == (
        "Convention: gradients per example: the division by n stands where columns are\n"
        "summed, for the parameters.\n"
        "\n"
        "  ✓ dZ3    A3 - Y                                                          right\n"
        "→ ✗ dW3    dZ3 @ A2                                                        wrong\n"
        "         A2 has to be transposed\n"
        "         dW3 = dZ3 @ A2.T\n"
        "  ✗ dB3    dZ3.sum()                                   wrong only because dW3 is\n"
        "  · slope  A2 * A2                                                          kept\n"
        "\n"
        "2 of 3 lines are right; the first wrong one is dW3."
    )


@pytest.mark.parametrize(
    ("convention", "told"),
    [
        (
            "mean",
            (
                "Convention: gradients of the mean loss: the division by m stands in the first\n"
                "gradient, and nowhere else.\n\n"
            ),
        ),
        ("mixed", "Convention: a mixture of gradients per example and gradients of the mean loss.\n\n"),
        (None, ""),
    ],
)
def test_the_convention_stands_above_the_table(convention, told):
    assert str(Report([right("x", "1")], convention)) == f"{told}  ✓ x  1{' ' * 67}right\n\nThe line is right."


def test_a_name_of_sixteen_characters_is_shown_and_a_longer_one_is_cut():
    sixteen = "d" + "Z" * 15
    assert rows(right(sixteen))[0].startswith(f"  ✓ {sixteen}  A3 - Y ")
    assert rows(right(), right(sixteen + "Z")) == [
        f"  ✓ dZ3{' ' * 13}  A3 - Y{' ' * 47}right",
        f"  ✓ d{'Z' * 14}…  A3 - Y{' ' * 47}right",
    ]


def test_a_name_may_be_empty():
    assert rows(right("", "A3 - Y")) == [f"  ✓   A3 - Y{' ' * 63}right"]


def test_a_formula_fills_the_room_up_to_its_verdict_and_a_longer_one_is_cut():
    # 80 columns less 9 for the marks and the name, and 7 for the verdict
    assert rows(right(formula=LONG[:64])) == [f"  ✓ dZ3  {LONG[:64]}  right"]
    assert rows(right(formula=LONG[:65])) == [f"  ✓ dZ3  {LONG[:63]}…  right"]


@pytest.mark.parametrize(
    ("because", "formula", "shown"),
    [
        # of 80 columns the marks and the name take 9, and the verdict 2 and its own length of 22 and the name
        (23, LONG, [f"→ ✗ dB3  {LONG[:23]}…  wrong only because {'Z' * 23} is"]),
        (24, LONG, [f"→ ✗ dB3  {LONG[:70]}…", f"         wrong only because {'Z' * 24} is"]),
        (24, LONG[:71], [f"→ ✗ dB3  {LONG[:71]}", f"         wrong only because {'Z' * 24} is"]),
        (37, LONG[:10], [f"→ ✗ dB3  {LONG[:10]}  wrong only because {'Z' * 37} is"]),
        (38, LONG[:10], [f"→ ✗ dB3  {LONG[:10]}", f"         wrong only because {'Z' * 38} is"]),
        # 71 columns are left beside the indentation
        (52, "A", ["→ ✗ dB3  A", f"         wrong only because {'Z' * 52}", "         is"]),
    ],
)
def test_a_verdict_has_a_line_of_its_own_where_it_leaves_too_little_of_a_formula(because, formula, shown):
    assert str(Report([suffering("dB3", formula, "Z" * because)], first_wrong="dB3")).split("\n\n")[0] == "\n".join(
        shown
    )


def test_an_explanation_is_wrapped_at_eighty_columns_and_not_at_hyphens():
    # 71 columns are left beside the indentation: "per-" would fit behind 66 of them, and a space
    verdict = wrong(diagnosis=f"{'x' * 66} per-example", repair=f"{'y' * 66} -dZ3")
    assert rows(verdict)[1:] == [
        f"         {'x' * 66}",
        "         per-example",
        "         dW3 =",
        f"         {'y' * 66} -dZ3",
    ]


def test_what_a_terminal_would_obey_is_shown_as_a_space_or_a_replacement():
    verdict = wrong("d\nW", "dZ3\t@\x1b[31mA2", "first\nand\x07second", "dZ3\r")
    assert str(Report([verdict])) == (
        f"→ ✗ d W  dZ3 @�[31mA2{' ' * 54}wrong\n         first and�second\n         d W = dZ3\n\nThe line is wrong."
    )
    assert rows(suffering(because="d\x1bZ\n"))[0].endswith("  wrong only because d�Z  is")
    assert str(suffering(because="d\x1bZ\n")) == "✗ dB3 = dZ3.sum(): wrong only because d�Z  is"
    assert str(Report([right(), wrong("d\x1bW\n")])).endswith("\n1 of 2 lines are right; the first wrong one is d�W .")


def test_many_lines_are_printed_once_each():
    # the width of the names is found once: once for each line, 3,000 lines took 9 million steps
    names = [f"s{k}" for k in range(3000)]
    shown = rows(*(right(name, "1") for name in names))
    assert len(shown) == 3000
    assert shown[7] == f"  ✓ s7     1{' ' * 63}right"


# --- the last line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([], "No line was judged."),
        ([kept()], "No line was judged."),
        ([right()], "The line is right."),
        ([right(), kept()], "The line is right."),
        ([wrong()], "The line is wrong."),
        ([wrong(), kept()], "The line is wrong."),
        ([right("a"), right("b")], "All 2 lines are right."),
        ([kept(), right("a"), right("b"), right("c")], "All 3 lines are right."),
        ([wrong("a"), wrong("b")], "0 of 2 lines are right; the first wrong one is a."),
        ([right("a"), wrong("b"), suffering("c", because="b")], "2 of 3 lines are right; the first wrong one is b."),
    ],
)
def test_right_lines_are_counted(verdicts, told):
    report = Report(verdicts)
    assert str(report).splitlines()[-1] == told
    assert repr(report) == f"<Report: {told}>"
    assert report._repr_html_().endswith(f"</table><p>{told}</p>")


def test_the_first_wrong_line_is_the_one_that_is_given_or_the_first_in_the_table():
    lines = [right("a"), wrong("b"), wrong("c")]
    assert Report(lines).first_wrong == "b"
    assert Report(lines, first_wrong="c").first_wrong == "c"
    assert Report(lines[:1]).first_wrong is None
    assert [row[0] for row in rows(*lines) if "wrong" in row] == ["→", " "]
    given = Report(lines, first_wrong="c")
    assert [row[:5] for row in str(given).splitlines() if "dZ3 @ A2  " in row] == ["  ✗ b", "→ ✗ c"]
    assert str(given).endswith("1 of 3 lines are right; the first wrong one is c.")


# --- a verdict by itself -------------------------------------------------------------------------------------------


def test_a_verdict_prints_its_formula_its_diagnosis_and_its_repair():
    assert str(right()) == "✓ dZ3 = A3 - Y: right"
    assert str(wrong()) == "✗ dW3 = dZ3 @ A2: wrong\n         A2 has to be transposed\n         dW3 = dZ3 @ A2.T"
    assert str(wrong(diagnosis="", repair="")) == "✗ dW3 = dZ3 @ A2: wrong"
    assert str(suffering()) == "✗ dB3 = dZ3.sum(): wrong only because dZ3 is"


def test_a_verdict_says_no_more_than_it_is_given():
    verdict = Verdict("dZ3", "A3 - Y", True, True, "right")
    assert (verdict.diagnosis, verdict.repair, verdict.convention) == ("", "", None)
    assert (verdict.because, verdict.repairs) == ((), ())


# --- the report as a collection ------------------------------------------------------------------------------------


def test_a_report_is_ok_when_every_line_and_its_result_are():
    assert not Report([]).ok
    assert not Report([kept()]).ok  # nothing was judged
    assert Report([right(), kept()]).ok
    assert not Report([right(), wrong()]).ok
    assert not Report([right(), suffering()]).ok


def test_a_report_holds_its_verdicts_by_name_and_in_order():
    lines = [right("b"), wrong("a"), kept("c")]
    report = Report(lines)
    assert list(report) == lines
    assert len(report) == 3
    assert report["a"] is lines[1]
    assert "c" in report
    assert "d" not in report


def test_a_line_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(UnknownNameError) as caught:
        Report([right("dZ3"), right("dW1")])["dz3"]
    assert str(caught.value) == "no line was called 'dz3' (did you mean 'dZ3'?)"
    with pytest.raises(UnknownNameError) as caught:
        Report([right("dZ3")])[7]
    assert str(caught.value) == "no line was called '7'"


def test_assert_ok_raises_the_count_and_the_table():
    assert Report([right()]).assert_ok() is None
    report = Report([right(), wrong(), suffering()], "mean")
    with pytest.raises(FormulaCheckError) as caught:
        report.assert_ok()
    assert str(caught.value) == f"2 of 3 lines are right; the first wrong one is dW3.\n\n{report}"


# --- HTML and JSON -------------------------------------------------------------------------------------------------

HEAD = ["", "name", "formula", "verdict"]


def cells(html):
    """The cells of every row of the only table, as HTML; what stands above it, and below."""
    above, table, below = re.fullmatch("(.*?)<table>(.*)</table>(.*)", html).groups()
    return above, [re.findall("<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]], below


def test_html_is_a_table_with_the_same_words():
    report = Report([right(), wrong(), wrong("dW1", diagnosis="", repair="")], "mixed", batch="n")
    assert cells(report._repr_html_()) == (
        "<p>Convention: a mixture of gradients per example and gradients of the mean loss.</p>",
        [
            HEAD,
            ["✓", "dZ3", "<code>A3 - Y</code>", "right"],
            [
                *("→ ✗", "dW3", "<code>dZ3 @ A2</code>"),
                "wrong<br>A2 has to be transposed<br><code>dW3 = dZ3 @ A2.T</code>",
            ],
            ["✗", "dW1", "<code>dZ3 @ A2</code>", "wrong"],
        ],
        "<p>1 of 3 lines are right; the first wrong one is dW3.</p>",
    )


def test_one_verdict_shows_itself_as_its_row():
    _, rows, below = cells(wrong()._repr_html_())
    assert rows == [HEAD, ["✗", "dW3", *cells(Report([wrong()])._repr_html_())[1][1][2:]]]
    assert below == ""
    assert wrong()._repr_mimebundle_()["text/plain"] == str(wrong())


def test_html_names_the_columns_as_the_graph_does_and_no_convention_where_there_is_none():
    told = Report([right()], "mean", batch="n")._repr_html_()
    assert told.startswith("<p>Convention: gradients of the mean loss: the division by n stands in ")
    assert cells(Report([right()])._repr_html_())[0] == ""


def test_html_escapes_every_text():
    name, formula = "<b>", "A < B & 'C'"
    verdict = Verdict(name, formula, False, False, "wrong <i>", "<u>", "<s>")
    assert cells(Report([verdict])._repr_html_()) == (
        "",
        [
            HEAD,
            [
                *("→ ✗", "&lt;b&gt;", "<code>A &lt; B &amp; &#x27;C&#x27;</code>"),
                "wrong &lt;i&gt;<br>&lt;u&gt;<br><code>&lt;b&gt; = &lt;s&gt;</code>",
            ],
        ],
        "<p>The line is wrong.</p>",
    )
    two = Report([verdict, right()])._repr_html_()
    assert two.endswith("<p>1 of 2 lines are right; the first wrong one is &lt;b&gt;.</p>")


def test_plain_data_has_lists_and_numbers_alone():
    verdict = wrong(because=("dZ3", "dB3"), repairs=("transpose missing",), convention="mean")
    assert Report([verdict, right()], "mixed").to_dict() == {
        "ok": False,
        "convention": "mixed",
        "first_wrong": "dW3",
        "lines": [
            {
                "name": "dW3",
                "formula": "dZ3 @ A2",
                "ok": False,
                "own": False,
                "verdict": "wrong",
                "diagnosis": "A2 has to be transposed",
                "repair": "dZ3 @ A2.T",
                "convention": "mean",
                "because": ["dZ3", "dB3"],
                "repairs": ["transpose missing"],
                "remark": "",
            },
            {
                "name": "dZ3",
                "formula": "A3 - Y",
                "ok": True,
                "own": True,
                "verdict": "right",
                "diagnosis": "",
                "repair": "",
                "convention": None,
                "because": [],
                "repairs": [],
                "remark": "",
            },
        ],
    }


def test_json_is_indented_by_two_and_keeps_letters_of_other_scripts():
    assert (
        Report([right("dZ₃", "A₃ − Y", convention="either")]).to_json()
        == """{
  "ok": true,
  "convention": null,
  "first_wrong": null,
  "lines": [
    {
      "name": "dZ₃",
      "formula": "A₃ − Y",
      "ok": true,
      "own": true,
      "verdict": "right",
      "diagnosis": "",
      "repair": "",
      "convention": "either",
      "because": [],
      "repairs": [],
      "remark": ""
    }
  ]
}"""
    )


def test_json_escapes_what_a_terminal_obeys():
    text = Report([right("a\x9b31m\u202eb\u2066", "A₃ − Y")]).to_json()
    assert not any(character in text for character in "\x9b\u202e\u2066")
    assert "A₃ − Y" in text
    assert json.loads(text)["lines"][0]["name"] == "a\x9b31m\u202eb\u2066"


def test_a_remark_stands_below_a_right_line():
    verdict = right(remark="right for labels 0 and 1 only")
    assert "right for labels 0 and 1 only" in str(verdict)
    assert "right for labels 0 and 1 only" in str(Report([verdict]))
    assert "right for labels 0 and 1 only" in Report([verdict])._repr_html_()
