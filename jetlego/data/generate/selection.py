"""Which jets are kept: transverse momentum, pseudorapidity and radius."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jetlego.errors import ConfigError


@dataclass(frozen=True)
class Selection:
    """The window of the jets, and the radius they are found with.

    Parameters
    ----------
    pt_min, pt_max
        Transverse momentum of the jet in GeV, ``pt_min < pT < pt_max``.
    eta_max
        Largest absolute pseudorapidity of the jet axis.
    radius
        R of anti-kT, and the largest distance of a decay product from the axis.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` if the window is empty or the detector does not cover it.
    """

    pt_min: float = 500.0
    pt_max: float = 1000.0
    eta_max: float = 2.0
    radius: float = 0.8

    def __post_init__(self) -> None:
        numbers = (self.pt_min, self.pt_max, self.eta_max, self.radius)
        if not all(math.isfinite(x) and x > 0 for x in numbers):
            raise ConfigError("BAD-VALUE", f"pt_min, pt_max, eta_max, radius = {numbers}", "all must be above 0")
        if not 20.0 <= self.pt_min < self.pt_max <= 5000.0:
            window = f"pT window {self.pt_min:g} .. {self.pt_max:g} GeV"
            raise ConfigError("BAD-VALUE", window, "20 <= pt_min < pt_max <= 5000")
        if self.eta_max + self.radius > 3.0:
            edge = f"eta_max + radius = {self.eta_max + self.radius:g}"
            raise ConfigError("BAD-VALUE", edge, "the detector ends at 3")
