"""Cuts, variables and labels written as Python expressions, evaluated without ever executing Python.

``parse_expression("np.log(part_pt / jet_pt)").evaluate(columns)``: the text is parsed to a syntax tree, every node is
checked against a whitelist, and a small interpreter walks the tree over numpy and awkward arrays. What is not listed is
refused with its position. Functions are in ``functions.py``, weaver's own helpers in ``helpers.py``.
"""

from jetlego.data.expressions.expression import Expression, parse_expression
from jetlego.data.expressions.order import evaluation_order

__all__ = ["Expression", "evaluation_order", "parse_expression"]
