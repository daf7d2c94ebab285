"""`Jets`: what every file format becomes, and all that the rest of the house sees of a file.

Packed, not padded: the constituents of all jets stand one after the other, and jet b owns rows
``jet_ptr[b]:jet_ptr[b + 1]`` of ``p4`` and of every array in ``constituents``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.packed import offsets_of, rows_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.merges import Merges, check_merges
from jetlego.errors import DataError, quoted

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Jets:
    """Jets with their constituents, truth and weights; numpy alone, native byte order, no missing values.

    Parameters
    ----------
    p4
        (P, 4) float64, (px, py, pz, E) of each constituent in GeV.
    jet_ptr
        (B + 1,) int64 offsets.
    constituents
        {name: (P,)}, JetClass names (``part_d0val`` in mm, ``part_charge``, ``part_isMuon``, ...); the momenta stand in
        ``p4`` alone, and derived columns come from the features library.
    jet
        {name: (B,)}: ``jet_pt``, ``jet_eta``, ``jet_phi``, ``jet_energy``, ``jet_mass`` (GeV, radian),
        ``jet_nparticles``, and ``file_index``, ``event_index``, ``jet_index``, which together are unique.
    label
        (B,) int64 index into ``classes``, -1 for an unlabelled jet; None if nothing is known of any.
    classes
        Class names, in the order of the label.
    weight
        (B,) float32 jet weight; None where the file holds none.
    merges
        {clustering algorithm: merges}, where prepared shards store them, so that nobody need cluster again.
    """

    p4: FloatArray
    jet_ptr: IntArray
    constituents: Columns = field(default_factory=dict)
    jet: Columns = field(default_factory=dict)
    label: IntArray | None = None
    classes: tuple[str, ...] = ()
    weight: FloatArray | None = None
    merges: Mapping[str, Merges] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def num_jets(self) -> int:
        """Number of jets B."""
        return len(self.jet_ptr) - 1

    @property
    def num_constituents(self) -> IntArray:
        """(B,) int64 number of constituents of each jet."""
        return np.diff(self.jet_ptr)

    def __len__(self) -> int:
        return self.num_jets

    def __repr__(self) -> str:
        names = ", ".join(self.classes[:12]) + (" ..." if len(self.classes) > 12 else "") or "unlabelled"
        return f"Jets({self.num_jets} jets, {len(self.p4)} constituents, {names})"

    def history(self, algorithm: str) -> History | None:
        """Return the stored history, radius 1 and E-scheme, or None where the jets came without it."""
        stored = self.merges.get(algorithm)
        return None if stored is None else stored.history(self.p4, self.jet_ptr)

    def select(self, index: Any) -> Jets:
        """Return the jets that ``index`` names, in its order.

        Parameters
        ----------
        index
            (B,) bool mask, array of jet numbers (negative ones count from the end), or slice.
        """
        chosen = np.arange(self.num_jets)[index].reshape(-1)
        rows = rows_of(self.jet_ptr, chosen)
        return replace(
            self,
            p4=self.p4[rows],
            jet_ptr=offsets_of(self.num_constituents[chosen]),
            constituents={name: values[rows] for name, values in self.constituents.items()},
            jet={name: values[chosen] for name, values in self.jet.items()},
            label=None if self.label is None else self.label[chosen],
            weight=None if self.weight is None else self.weight[chosen],
            merges={name: merges.select(self.jet_ptr, chosen) for name, merges in self.merges.items()},
        )

    def select_constituents(self, mask: np.ndarray) -> Jets:
        """Return all jets, each with its constituents where the (P,) bool ``mask`` is True; jet columns stay.

        Stored histories go, since they are of other constituents.
        """
        kept = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        constituents = {name: values[mask] for name, values in self.constituents.items()}
        return replace(self, p4=self.p4[mask], jet_ptr=kept[self.jet_ptr], constituents=constituents, merges={})

    @staticmethod
    def concatenate(parts: Sequence[Jets]) -> Jets:
        """Return the jets of all parts, in order.

        Parameters
        ----------
        parts
            At least one; all with the same classes and columns. Numeric types are widened where they differ, and stored
            histories are kept where all parts have them.

        Raises
        ------
        DataError
            ``TYPE-MISMATCH`` if the parts differ in columns, classes, or in whether labels or weights are known.
        """
        if not parts:
            raise DataError("NO-JETS", "there is nothing to concatenate")
        first = parts[0]
        if len(parts) == 1:
            return first
        for other in parts[1:]:
            _check_same_kind(first, other)
        return Jets(
            p4=np.concatenate([part.p4 for part in parts]),
            jet_ptr=offsets_of(np.concatenate([part.num_constituents for part in parts])),
            constituents=_joined([part.constituents for part in parts]),
            jet=_joined([part.jet for part in parts]),
            label=None if first.label is None else np.concatenate([p.label for p in parts if p.label is not None]),
            classes=first.classes,
            weight=None if first.weight is None else np.concatenate([p.weight for p in parts if p.weight is not None]),
            merges={
                name: Merges.concatenate([part.merges[name] for part in parts])
                for name in first.merges if all(name in part.merges for part in parts)
            },
        )  # fmt: skip

    def to_awkward(self) -> Any:
        """Return an awkward array of one record a jet, which the ``vector`` package understands.

        Each record holds ``constituents``, a list of ``Momentum4D`` records (``px``, ``py``, ``pz``, ``E`` and the
        constituent columns), every jet column, and ``label`` and ``weight`` where known. After
        ``vector.register_awkward()`` one may write ``jets.to_awkward().constituents.pt``.
        """
        import awkward as ak

        fields: dict[str, np.ndarray] = dict(zip(("px", "py", "pz", "E"), self.p4.T, strict=True))
        layout = ak.contents.ListOffsetArray(
            ak.index.Index64(self.jet_ptr),
            ak.zip({**fields, **self.constituents}, with_name="Momentum4D", depth_limit=1).layout,
        )
        record: dict[str, Any] = {"constituents": ak.Array(layout), **self.jet}
        if self.label is not None:
            record["label"] = self.label
        if self.weight is not None:
            record["weight"] = self.weight
        return ak.zip(record, depth_limit=1)


def _check(jets: Jets) -> None:
    """Refuse arrays that do not fit together; a reader that makes them has a bug, so this stays cheap but always on."""
    count, total = len(jets.jet_ptr) - 1, len(jets.p4)
    if jets.p4.ndim != 2 or jets.p4.shape[1] != 4 or jets.p4.dtype != np.float64:
        raise DataError("BAD-SHAPE", f"p4 is {jets.p4.dtype} of shape {jets.p4.shape}", "it must be float64 (P, 4)")
    ptr = jets.jet_ptr
    if ptr.dtype != np.int64 or count < 0 or ptr[0] != 0 or ptr[-1] != total or (np.diff(ptr) < 0).any():
        raise DataError("BAD-OFFSETS", f"jet_ptr does not run as int64 from 0 to {total} without a decrease")
    _check_lengths(jets.constituents, total, "constituent")
    _check_lengths(jets.jet, count, "jet")
    known = {"label": jets.label, "weight": jets.weight}
    _check_lengths({name: values for name, values in known.items() if values is not None}, count, "jet")
    if jets.label is not None and jets.label.dtype != np.int64:
        raise DataError("BAD-SHAPE", f"labels are {jets.label.dtype}", "they must be int64")
    for name, merges in jets.merges.items():
        check_merges(name, merges, ptr)


def _check_lengths(columns: Columns, length: int, kind: str) -> None:
    for name, values in columns.items():
        if len(values) != length:
            what = f"{kind} column '{quoted(name)}' has {len(values)} values for {length} {kind}s"
            raise DataError("RAGGED-MISMATCH", what)


def _check_same_kind(first: Jets, other: Jets) -> None:
    if first.classes != other.classes:
        what = f"parts have different classes: {', '.join(first.classes)}; and {', '.join(other.classes)}"
        raise DataError("LABELS", quoted(what), "name them by classes={name: truth branch}")
    for what, a, b in (
        ("constituent columns", set(first.constituents), set(other.constituents)),
        ("jet columns", set(first.jet), set(other.jet)),
        ("known labels", {first.label is not None}, {other.label is not None}),
        ("known weights", {first.weight is not None}, {other.weight is not None}),
    ):
        if a != b:
            names = ", ".join(sorted(map(str, a ^ b)))
            raise DataError("TYPE-MISMATCH", f"parts differ in {what}: {quoted(names)}")


def _joined(parts: Sequence[Columns]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
