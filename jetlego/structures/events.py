"""Events of several jets: which jets belong together, and batches of whole events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetlego.clustering.packed import check_offsets, offsets_of, rows_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError, did_you_mean
from jetlego.physics.kinematics import eta, jet_p4, mass, phi, pt
from jetlego.structures.batch import JetBatch, Movable
from jetlego.structures.scaler import NodeScaler
from jetlego.structures.store import JetStore, TreeSpec, prepare

JET_KINEMATICS = ("jet_phi", "jet_eta", "jet_pt", "jet_mass")
"""What an event's network knows of a jet beside its tree (Louppe et al., arXiv:1702.00748): phi, eta, pT, m."""

_SCALER = "jets"


@dataclass(frozen=True, eq=False)
class EventBatch(Movable):
    """E events with B jets in all.

    Parameters
    ----------
    jets
        The jets, event after event, in each from the softest to the hardest; ``jets.jet["kinematics"]`` (B, 4) holds
        scaled phi, eta, pT and mass.
    num_events, max_jets
        E, and the largest number of jets of an event.
    event_ptr
        (E + 1,) int64; event e owns jets ``event_ptr[e]:event_ptr[e + 1]``.
    label, weight, index
        (E,) class, weight, and which events of the store these are; the first two may be None.
    """

    jets: JetBatch
    num_events: int
    max_jets: int
    event_ptr: Tensor
    label: Tensor | None
    weight: Tensor | None
    index: Tensor


@dataclass(frozen=True)
class EventStore:
    """E prepared events.

    Parameters
    ----------
    jets
        Their jets, event after event, softest first.
    event_ptr
        (E + 1,) int64 offsets of the jets.
    scaler
        Of phi, eta, pT and mass.
    label, weight
        (E,) int64 and float32, or None.
    """

    jets: JetStore
    event_ptr: IntArray
    scaler: NodeScaler
    label: IntArray | None = None
    weight: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.event_ptr) - 1

    @property
    def scalers(self) -> dict[str, NodeScaler]:
        """{tree: scaler, "jets": scaler of the kinematics}, for :func:`prepare_events` of other events."""
        return {**self.jets.scalers, _SCALER: self.scaler}

    def batch(self, index: Iterable[int] | IntArray) -> EventBatch:
        """Return some events, in the order of ``index``.

        Raises
        ------
        DataError
            If an event number is out of range.
        """
        events = np.ascontiguousarray(index, np.int64)
        if len(events) and not (events.min() >= 0 and events.max() < len(self)):
            raise DataError("BAD-INDEX", f"events {events.min()} to {events.max()} of a store of {len(self)}")
        count = np.diff(self.event_ptr)[events]
        return EventBatch(
            jets=self.jets.batch(rows_of(self.event_ptr, events)),
            num_events=len(events),
            max_jets=int(count.max(initial=0)),
            event_ptr=torch.from_numpy(offsets_of(count)),
            label=None if self.label is None else torch.from_numpy(self.label[events]),
            weight=None if self.weight is None else torch.from_numpy(self.weight[events]),
            index=torch.from_numpy(events),
        )


def prepare_events(
    jets: Jets,
    event_ptr: IntArray,
    *,
    trees: Mapping[str, TreeSpec],
    label: IntArray | None = None,
    weight: FloatArray | None = None,
    scalers: Mapping[str, NodeScaler] | None = None,
    threads: int | None = None,
) -> EventStore:
    """Sort the jets of each event by pT, softest first, and prepare them.

    Parameters
    ----------
    jets
        Jets of all events, event after event.
    event_ptr
        (E + 1,) offsets of the jets.
    trees, threads
        As in :func:`jetlego.structures.store.prepare`.
    label, weight
        (E,) class and weight of each event.
    scalers
        Those fitted on the training events; by default fitted on these.

    Raises
    ------
    DataError
        If the offsets do not fit the jets, or there is not one label or weight an event.
    """
    ptr = np.ascontiguousarray(event_ptr, np.int64)
    check_offsets(ptr, jets.num_jets)
    for name, values in (("label", label), ("weight", weight)):
        if values is not None and len(values) != len(ptr) - 1:
            raise DataError("RAGGED-MISMATCH", f"'{name}' has {len(values)} values for {len(ptr) - 1} events")
    momenta = jet_p4(jets.p4, jets.jet_ptr)
    event = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    order = np.lexsort((pt(momenta), event))
    kinematics = np.stack([phi(momenta), eta(momenta), pt(momenta), mass(momenta)], axis=1)[order]
    if scalers is not None and _SCALER not in scalers:
        raise ConfigError("UNKNOWN-KEY", f"no scaler for '{_SCALER}'", did_you_mean(_SCALER, scalers))
    scaler = NodeScaler.fit(kinematics, JET_KINEMATICS) if scalers is None else scalers[_SCALER]
    store = prepare(
        replace(jets.select(order), label=None, weight=None),
        trees=trees,
        jet_features={"kinematics": scaler.apply(kinematics).astype(np.float32)},
        threads=threads,
        scalers=scalers,
    )
    kept: dict[str, Any] = {
        "label": None if label is None else np.asarray(label, np.int64),
        "weight": None if weight is None else np.asarray(weight, np.float32),
    }
    return EventStore(store, ptr, scaler, **kept)
