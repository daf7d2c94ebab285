"""Events of particles to jets: select, cluster, and label by the nearest parton; for HepMC and plain event files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from jetlego.clustering.find_jets import EventJets, find_jets
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.formats.reader import Reader
from jetlego.data.jets import Jets
from jetlego.data.labels import UNLABELLED, regroup
from jetlego.data.schemas.schema import Cluster
from jetlego.errors import NonFiniteError, quoted
from jetlego.physics import kinematics


@dataclass(frozen=True)
class Event:
    """One event as it stands in a file, in GeV.

    Parameters
    ----------
    number
        Position in the file, from 0.
    p4
        (n, 4) float64 of the particles to cluster.
    pdgid
        (n,) codes of the same; None if unknown.
    partons
        (q, 5) momenta and PDG codes of what may label a jet.
    weight
        Event weight; None if unknown.
    """

    number: int
    p4: FloatArray
    pdgid: IntArray | None = None
    partons: FloatArray | None = None
    weight: float | None = None


class EventReader(Reader):
    """A file of events, read forward; its entries are events, its jets what clustering makes of them."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._count = 0

    @property
    def num_entries(self) -> int:
        """Events met so far."""
        return self._count

    def events(self) -> Iterator[Event]:
        """Yield the events of the file."""
        raise NotImplementedError

    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield the jets of events ``start:stop``, ``step`` events at a time."""
        stream = islice(self._counted(stop), start, None)
        while block := list(islice(stream, step)):
            yield jets_of(block, self)

    def _counted(self, stop: int | None) -> Iterator[Event]:
        if stop is not None and stop <= 0:
            return
        for event in self.events():
            self._count += 1
            yield event
            if stop is not None and self._count >= stop:
                return


def jets_of(events: list[Event], reader: Reader) -> Jets:
    """Return the jets of some events, hardest first within each."""
    rule = reader.schema.cluster
    p4 = np.concatenate([event.p4 for event in events])
    ptr = offsets_of(np.array([len(event.p4) for event in events], np.int64))
    try:
        found = find_jets(p4, ptr, algorithm=rule.algorithm, radius=rule.radius, pt_min=rule.pt_min, power=rule.power)
    except NonFiniteError as error:
        raise NonFiniteError(f"{quoted(reader.path)}: {error.what}") from error
    numbers = np.array([event.number for event in events], np.int64)
    jets = Jets(
        p4=p4[found.members], jet_ptr=found.jet_ptr,
        constituents=_codes(events, found),
        jet={**_axes(found), "event_index": numbers[found.event],
             "jet_index": np.arange(found.num_jets) - found.event_ptr[found.event]},
        **_truth(events, found, rule, reader),
        weight=_weights(events, found),
    )  # fmt: skip
    central = np.abs(kinematics.eta(found.p4)) < (rule.eta_max or np.inf)
    return jets if central.all() else jets.select(central)


def _axes(found: EventJets) -> dict[str, np.ndarray]:
    p4 = found.p4
    sums = {"jet_pt": kinematics.pt(p4), "jet_eta": kinematics.eta(p4), "jet_phi": kinematics.phi(p4),
            "jet_energy": p4[:, 3], "jet_mass": kinematics.mass(p4)}  # fmt: skip
    return {name: values.astype(np.float32) for name, values in sums.items()}


def _codes(events: list[Event], found: EventJets) -> dict[str, np.ndarray]:
    codes = [event.pdgid for event in events if event.pdgid is not None]
    return {"part_pdgid": np.concatenate(codes).astype(np.int32)[found.members]} if codes else {}


def _weights(events: list[Event], found: EventJets) -> FloatArray | None:
    if all(event.weight is None for event in events):
        return None
    weights = [1.0 if event.weight is None else event.weight for event in events]
    return np.array(weights, np.float32)[found.event]


def _truth(events: list[Event], found: EventJets, rule: Cluster, reader: Reader) -> dict:
    """Return ``label`` and ``classes`` by the nearest parton within the radius; nothing without a rule."""
    if not rule.match:
        return {}
    label = np.full(found.num_jets, UNLABELLED, np.int64)
    axis = np.stack([kinematics.eta(found.p4), kinematics.phi(found.p4)], axis=1)
    for e, event in enumerate(events):
        rows = slice(found.event_ptr[e], found.event_ptr[e + 1])
        if event.partons is not None and len(event.partons):
            label[rows] = _nearest(axis[rows], event.partons, rule)
    new, classes = regroup(label, tuple(rule.match), reader.request.classes)
    return {"label": new, "classes": classes}


def _nearest(axis: FloatArray, partons: FloatArray, rule: Cluster) -> IntArray:
    codes = np.abs(partons[:, 4])
    kind = np.full(len(partons), UNLABELLED, np.int64)
    for i, wanted in enumerate(rule.match.values()):
        kind[np.isin(codes, wanted)] = i
    partons, kind = partons[kind >= 0], kind[kind >= 0]
    if not len(partons):
        return np.full(len(axis), UNLABELLED, np.int64)
    eta, phi = kinematics.eta(partons[:, :4]), kinematics.phi(partons[:, :4])
    distance = kinematics.delta_r(axis[:, :1], axis[:, 1:], eta, phi)
    best = distance.argmin(axis=1)
    inside = distance[np.arange(len(axis)), best] < rule.match_radius
    return np.where(inside, kind[best], UNLABELLED)
