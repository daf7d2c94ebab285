"""The split of JetNet's own library, so that figures can be compared with published ones."""

from __future__ import annotations

import itertools

import numpy as np

from jetlego.conventions import IntArray

SEED = 42
FRACTIONS = (0.7, 0.15, 0.15)


def jetnet_split(num_jets: int, *, seed: int = SEED, fractions: tuple[float, ...] = FRACTIONS) -> list[IntArray]:
    """Return jet numbers of the training, validation and test jets.

    Parameters
    ----------
    num_jets
        Jets of all classes together, read in the order g, q, t, w, z.
    seed, fractions
        Those of the library by default.

    References
    ----------
    Kansal et al., J. Open Source Softw. 8 (2023) 5789.
    """
    order = np.random.default_rng(seed).permutation(num_jets)
    cuts = [0, *(int(num_jets * share) for share in np.cumsum(fractions)[:-1]), num_jets]
    return [order[a:b] for a, b in itertools.pairwise(cuts)]
