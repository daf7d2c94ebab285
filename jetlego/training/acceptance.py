"""Jets that a weaver configuration accepts at random: from its sampling weights to the jets of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jetlego.data.draw import Draw
from jetlego.data.jets import Jets
from jetlego.data.stream import BlockIndex
from jetlego.data.weaver.sampling import ACCEPTANCE
from jetlego.errors import ConfigError
from jetlego.training.sources import Origin

_SEED = 20_260_102  # validation jets are drawn once, alike for all runs


def unweighted(jets: Jets, origin: Origin) -> Jets:
    """Return jets set aside from ``train`` as files of their own would give them: weaver weighs training jets alone."""
    spec = None if origin.weaver is None else origin.weaver.weight_spec
    if spec is None or spec.validate_too:
        return jets
    return replace(without_acceptance(jets)[0], weight=None)


def without_acceptance(jets: Jets) -> tuple[Jets, Draw | None]:
    """Return jets without the column of sampling weights, and the selection that it stands for."""
    if ACCEPTANCE not in jets.jet:
        return jets, None
    kept = {name: values for name, values in jets.jet.items() if name != ACCEPTANCE}
    return replace(jets, jet=kept), Draw(np.asarray(jets.jet[ACCEPTANCE]))


def drawn_once(jets: Jets) -> Jets:
    """Return jets accepted at random once and for all, if their weaver configuration asks for it."""
    jets, draw = without_acceptance(jets)
    return jets if draw is None else jets.select(draw.rows(0, jets.num_jets, seed=_SEED, epoch=0))


def draw_of_blocks(origin: Origin, paths: Sequence[str], index: BlockIndex) -> Draw | None:
    """Return which jets of some blocks of ``paths`` take part in each epoch, by the weights of weaver."""
    spec = None if origin.weaver is None else origin.weaver.weight_spec
    if origin.weaver is None or spec is None or spec.for_loss:
        return None
    if spec.validate_too:
        what = f"{origin.weaver.path}: weights.validation_resample needs jets in memory"
        raise ConfigError("BAD-VALUE", what, "leave out data.stream, or validation_resample")
    return Draw(origin.training_jets(paths, index).weights(origin.weaver))
