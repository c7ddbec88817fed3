"""Formulas as MathML, made with the site: its pages need neither a script nor the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import SphinxError

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class FormulaError(SphinxError):
    """A formula that cannot be read."""

    category = "formula"


def mathml(formula: str, block: bool) -> str:
    """Return a formula as MathML.

    Raises
    ------
    FormulaError
        With the formula and what is wrong with it.
    """
    try:
        return str(tex2mathml(formula, as_block=block))
    except MathError as error:
        raise FormulaError(f"{formula.strip()!r}: {error}") from error


def setup(app: Sphinx) -> dict[str, Any]:
    """Register as Sphinx's renderer of formulas."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(mathml(node.astext(), block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode
