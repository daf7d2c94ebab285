"""What a figure must reach: ``">= 0.95"``, ``"<= -0.555"``, ``"> 0"``, ``"< 1"`` or ``"0.30 .. 0.34"``."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ONE_SIDED = re.compile(rf"(>=|<=|>|<)\s*({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})")


@dataclass(frozen=True)
class Gate:
    """A parsed gate; ``str`` gives back what was written."""

    text: str

    def __post_init__(self) -> None:
        if not (_ONE_SIDED.fullmatch(self.text) or _RANGE.fullmatch(self.text)):
            raise ValueError(f"'{self.text}' is no gate; write '>= 0.95' or '0.30 .. 0.34'")

    def __str__(self) -> str:
        return self.text

    def passed(self, value: float) -> bool:
        """Return whether ``value`` is let through; NaN never is."""
        if math.isnan(value):
            return False
        if sided := _ONE_SIDED.fullmatch(self.text):
            return bool(_COMPARE[sided[1]](value, float(sided[2])))
        low, high = map(float, self.text.split(".."))  # the pattern was checked on construction
        return low <= value <= high
