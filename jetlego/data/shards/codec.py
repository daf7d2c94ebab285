"""Jets to the arrays of a shard, and back.

What is computed from jets (inputs, histories) is computed from their numbers as they are stored, so that rounding
happens once and everybody sees the same jets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray
from jetlego.data.features import constituent_features, resolve_features
from jetlego.data.jets import Jets
from jetlego.data.merges import Merges
from jetlego.data.shards.file import ShardFile
from jetlego.data.shards.options import Options
from jetlego.errors import DataError, quoted

CONSTITUENT, JET, PARENTS, DIJ = "constituent/", "jet/", "parents/", "dij/"
Wanted = Callable[[str], bool]


class Encoder:
    """Collects the jets of one shard, chunk by chunk; ``sections`` is what `write_shard` takes."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sections: dict[str, list[np.ndarray]] = {}
        self.num_jets = self.num_constituents = 0
        self.classes: tuple[str, ...] = ()
        self._counts: list[np.ndarray] = []

    def add(self, jets: Jets) -> None:
        """Take jets in, rounded as the options say, with their inputs and histories."""
        momenta = _stored_momenta(jets.p4, self.options.momenta)
        values = {name: _stored_values(v, self.options.values, name) for name, v in jets.constituents.items()}
        read = {name: _as_read(v, self.options.values) for name, v in values.items()}
        jets = replace(jets, p4=momenta.astype(np.float64, copy=False), constituents=read)
        for name, array in _arrays(jets, momenta, values, self.options):
            self.sections.setdefault(name, []).append(array)
        self._counts.append(jets.num_constituents)
        self.sections["jet_ptr"] = [offsets_of(np.concatenate(self._counts))]
        self.num_jets, self.num_constituents = self.num_jets + jets.num_jets, self.num_constituents + len(jets.p4)
        self.classes = jets.classes


def _arrays(
    jets: Jets, momenta: FloatArray, values: dict[str, np.ndarray], options: Options
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, array) of all that is stored of some jets, offsets left out."""
    yield "p4", momenta
    yield from ((CONSTITUENT + name, array) for name, array in values.items())
    yield from ((JET + name, array) for name, array in jets.jet.items())
    yield from ((n, v) for n, v in (("label", jets.label), ("weight", jets.weight)) if v is not None)
    if options.features is not None:
        inputs = constituent_features(jets, resolve_features(options.features, raw=options.raw_inputs))
        yield "inputs", _stored_values(inputs, options.values, "inputs")
    for name in options.histories:
        merges = Merges.of(cluster(jets.p4, jets.jet_ptr, algorithm=name, threads=1))
        yield from ((PARENTS + name, merges.parents), (DIJ + name, merges.dij))


def decode(file: ShardFile, start: int, stop: int, *, wanted: Wanted | None = None) -> Jets:
    """Return jets ``start:stop`` of a shard; nothing is copied but momenta and values that must be widened.

    Parameters
    ----------
    wanted
        Which columns; default: all.
    """
    offsets = file["jet_ptr"][start : stop + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    values = file.about["options"]["values"]
    names = [name for name in file.names if wanted is None or wanted(name.partition("/")[2])]
    constituents = {n.removeprefix(CONSTITUENT): _as_read(file[n][first:last], values) for n in _of(CONSTITUENT, names)}
    return Jets(
        p4=file["p4"][first:last].astype(np.float64, copy=False),
        jet_ptr=offsets - first,
        constituents=constituents,
        jet={name.removeprefix(JET): file[name][start:stop] for name in _of(JET, names)},
        label=file["label"][start:stop] if "label" in file else None,
        classes=tuple(file.about["classes"]),
        weight=file["weight"][start:stop] if "weight" in file else None,
        merges={name: stored_merges(file, name, start, stop) for name in file.about["options"]["histories"]},
    )


def columns_of(file: ShardFile) -> list[str]:
    """Return the names of the constituent and jet columns of a shard."""
    return [name.partition("/")[2] for kind in (CONSTITUENT, JET) for name in _of(kind, file.names)]


def stored_inputs(file: ShardFile, start: int, stop: int) -> FloatArray:
    """Return (P, F) float32 inputs of jets ``start:stop``, as stored."""
    first, last = (int(file["jet_ptr"][at]) for at in (start, stop))
    return file["inputs"][first:last].astype(np.float32, copy=False)


def stored_merges(file: ShardFile, algorithm: str, start: int, stop: int) -> Merges:
    """Return the merges of jets ``start:stop``."""
    offsets = file["jet_ptr"]
    first = int(offsets[start]) - start + _empty_jets(file, start)
    last = int(offsets[stop]) - stop + _empty_jets(file, stop)
    return Merges(file[PARENTS + algorithm][first:last], file[DIJ + algorithm][first:last])


def _empty_jets(file: ShardFile, jet: int) -> int:
    """Return the number of jets without constituents before ``jet``; a merge is missing from every other jet."""
    return int(np.searchsorted(file.empty_jets, jet))


def _of(kind: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(kind)]


def _stored_momenta(p4: FloatArray, how: str) -> FloatArray:
    if how == "float64":
        return p4
    with np.errstate(over="ignore"):
        narrow = p4.astype(np.float32)
    if how == "exact":
        return narrow if np.array_equal(narrow, p4) else p4
    if not np.isfinite(narrow).all():
        raise DataError("BAD-VALUE", f"a momentum of {np.abs(p4).max():.3g} GeV is beyond float32", "momenta: exact")
    return narrow


def _stored_values(values: np.ndarray, how: str, name: str) -> np.ndarray:
    if how == "stored" or values.dtype.kind != "f" or values.dtype.itemsize <= np.dtype(how).itemsize:
        return values
    with np.errstate(over="ignore"):
        narrow = values.astype(how)
    lost = np.isfinite(values) & ~np.isfinite(narrow)
    if lost.any():
        what = f"'{quoted(name)}' holds {values[lost][0]:.6g}, which is beyond {how}"
        raise DataError("BAD-VALUE", what, "values: stored, or leave the column out")
    return narrow


def _as_read(values: np.ndarray, how: str) -> np.ndarray:
    """Return values as jets hold them: half precision is for the disk alone, unless the source has it."""
    return values.astype(np.float32) if how == "float16" and values.dtype == np.float16 else values
