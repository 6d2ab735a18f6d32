"""How Sphinx makes the site of docs/: `python -m sphinx -W -n docs build/site`, offline, as all else here."""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent), str(DOCS.parent / "graphlib")]

import make_reference  # noqa: E402 — as below
import site_links  # noqa: E402 — as below
import site_try  # noqa: E402 — as below

import chainrule as cr  # noqa: E402 — the folders have just been named

END = re.compile(r"^(```\w+\n(?:(?!```).*\n)*?(?!```).*)\n\n```$", re.MULTILINE)  # what doctest alone wants

project = "chainrule"
author = "the chainrule developers"
copyright = "the chainrule developers"  # noqa: A001 — what Sphinx calls it
release = version = cr.__version__

extensions = ["sphinx.ext.autodoc", "myst_nb", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["**/.ipynb_checkpoints", "**/notebooks/*"]  # chapters as notebooks are downloads
suppress_warnings = ["toc.empty_glob"]  # a folder of chapters may have none yet

# The pages are run as doctests by the suite, so the site runs none of them again; a notebook has no outputs to show
# until it is run.
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4  # links to a heading are written as GitHub writes them
myst_dmath_double_inline = True

autodoc_typehints = "none"  # types stand in what type checkers read; a page has names and defaults
autodoc_member_order = "bysource"
add_module_names = False
toc_object_entries = False  # each stands under a heading of its own
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", ".*")
]  # what bases and signatures of other packages are called; own pages link by file

html_theme = "furo"
html_title = f"chainrule {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/mark.svg"
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> ?|\.\.\. ?|\$ "
copybutton_prompt_is_regexp = True
# The formulas are set by MathML, which browsers draw themselves: MathJax would come from a network.
html_math_renderer = "mathml"


def setup(app):
    """Let the reference be made before pages are read, and formulas be MathML."""
    app.connect("builder-inited", make)
    app.connect("source-read", follow)
    app.connect("autodoc-process-docstring", as_written)
    app.add_config_value("try_buttons", site_try.has_assets(), "html")  # all pages are written anew when it changes
    app.connect("html-page-context", site_try.add_button)
    app.connect("build-finished", site_try.copy_assets)
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))


def make(app):
    """Write the reference, and beside it the pages of the project that come along."""
    make_reference.write()
    for name, text in site_links.pages():
        make_reference.written(make_reference.FOLDER / name, text)


def follow(app, name, source):
    """Let links that lead out of the folder lead somewhere on the site, and blocks end with their last line."""
    page = DOCS / f"{name}.md"
    if page.exists() and not page.is_relative_to(make_reference.FOLDER):
        source[0] = END.sub(r"\1\n```", site_links.moved(source[0], page))


def as_written(*event):
    """Let docstrings say what they say in a terminal, too."""
    lines = event[-1]
    lines[:] = make_reference.read_as_written(lines)


def inline_formula(translator, node):
    """A formula in a line."""
    in_mathml(translator, node, "inline")


def formula(translator, node):
    """A formula by itself."""
    in_mathml(translator, node, "block")


def in_mathml(translator, node, display):
    """A formula as every browser shows it without a script."""
    # Imported where they are used: doctest reads this file where no site can be built.
    from docutils.nodes import SkipNode
    from latex2mathml.converter import convert

    translator.body.append(convert(node.astext(), display=display))
    raise SkipNode
