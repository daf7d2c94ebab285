"""The ten JetClass processes: how Pythia makes them, and by which decay a jet earns its label.

The hard processes are close to those of JetClass, as far as Pythia has them at leading order: pairs of top quarks, a
W or Higgs boson against a Z boson that decays to neutrinos, and pairs of Z bosons. QCD is dijet production (JetClass:
a jet against a Z boson), so that gluon jets are as frequent as in a multijet sample.

References
----------
Qu, Li, Qian, arXiv:2202.03772, section 3; Bierlich et al., Pythia 8.3, arXiv:2203.11601.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetlego.errors import ConfigError, did_you_mean, quoted

TOP, HIGGS, W_BOSON, Z_BOSON = 6, 25, 24, 23
CHARM, BOTTOM = 4, 5
ELECTRON, MUON = 11, 13

W_TO_QUARKS = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
W_TO_LEPTONS = ("24:onMode = off", "24:onIfAny = 11 13")
W_TO_BOTH = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5 11 13")
Z_TO_NEUTRINOS = ("23:onMode = off", "23:onIfAny = 12 14 16")
PURE_Z_TO_QUARKS = ("WeakZ0:gmZmode = 2", "23:onMode = off", "23:onIfAny = 1 2 3 4 5")
TOP_PAIR = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")
HIGGS_Z = ("HiggsSM:ffbar2HZ = on", *Z_TO_NEUTRINOS, "25:onMode = off")


@dataclass(frozen=True)
class Process:
    """One class of jets.

    Parameters
    ----------
    label
        JetClass name without ``label_``.
    settings
        Pythia settings that switch on the hard process and its decays.
    resonance
        Absolute PDG code of the particle whose decay makes the jet; 0 for QCD.
    decay
        Numbers of (quarks and gluons, charged leptons) that its decay must have, and that the jet must contain.
    bias
        Power of pTHat by which hard events are favored, so that jets in the pT window come out nearly flat in pT.
    reach
        How far above the jet's window pTHat goes: beyond 1 where neutrinos carry momentum away.
    """

    label: str
    settings: tuple[str, ...]
    resonance: int
    decay: tuple[int, int]
    bias: float
    reach: float = 1.0


PROCESSES = {
    row.label: row
    for row in (
        Process("QCD", ("HardQCD:all = on",), 0, (1, 0), 6.0),
        Process("Hbb", (*HIGGS_Z, "25:onIfMatch = 5 -5"), HIGGS, (2, 0), 5.0),
        Process("Hcc", (*HIGGS_Z, "25:onIfMatch = 4 -4"), HIGGS, (2, 0), 5.0),
        Process("Hgg", (*HIGGS_Z, "25:onIfMatch = 21 21"), HIGGS, (2, 0), 5.0),
        Process("H4q", (*HIGGS_Z, "25:onIfMatch = 24 -24", *W_TO_QUARKS), HIGGS, (4, 0), 5.0),
        Process("Hqql", (*HIGGS_Z, "25:onIfMatch = 24 -24", *W_TO_BOTH), HIGGS, (2, 1), 5.0, 2.0),
        Process("Zqq", ("WeakDoubleBoson:ffbar2gmZgmZ = on", *PURE_Z_TO_QUARKS), Z_BOSON, (2, 0), 5.0),
        Process("Wqq", ("WeakDoubleBoson:ffbar2ZW = on", *Z_TO_NEUTRINOS, *W_TO_QUARKS), W_BOSON, (2, 0), 5.0),
        Process("Tbqq", (*TOP_PAIR, *W_TO_QUARKS), TOP, (3, 0), 6.0),
        Process("Tbl", (*TOP_PAIR, *W_TO_LEPTONS), TOP, (1, 1), 6.0, 2.5),
    )
}
"""By JetClass label, in the order of its class index."""

_ALIASES = {
    "top": "Tbqq", "ttbar": "Tbqq", "toplep": "Tbl", "ttbarlep": "Tbl", "w": "Wqq", "wtoqq": "Wqq",
    "z": "Zqq", "ztoqq": "Zqq", "higgs": "Hbb", "htobb": "Hbb", "htocc": "Hcc", "htogg": "Hgg",
    "htoww4q": "H4q", "htoww2q1l": "Hqql",
}  # fmt: skip


def process_names() -> tuple[str, ...]:
    """Return every name that :func:`resolve_process` takes, JetClass labels first."""
    return (*PROCESSES, *_ALIASES)


def resolve_process(name: str) -> Process:
    """Return the process of that name: a JetClass label, ``top``, ``w``, ``z``, ``higgs`` ..., in any case.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` with the nearest names.
    """
    known = {label.lower(): label for label in PROCESSES} | _ALIASES
    label = known.get(name.strip().lower().removeprefix("label_"))
    if label is None:
        hint = did_you_mean(name.lower(), [*_ALIASES, *(label.lower() for label in PROCESSES)])
        raise ConfigError("BAD-VALUE", f"no process '{quoted(name)}'", hint)
    return PROCESSES[label]
