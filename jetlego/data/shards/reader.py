"""A shard as one more file of jets: what `read_jets` and `data check` open when they meet one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jetlego.data.formats.reader import Classes, Reader, Request
from jetlego.data.jets import Jets
from jetlego.data.labels import regroup
from jetlego.data.schemas.schema import Schema, class_name
from jetlego.data.screen import SUMS, capped, with_sums
from jetlego.data.shards.codec import columns_of, decode
from jetlego.data.shards.file import ShardFile
from jetlego.data.shards.manifest import MANIFEST, read_signed
from jetlego.errors import DataError, did_you_mean, quoted

_ALWAYS = frozenset({"file_index", "event_index", "jet_index"})


class ShardReader(Reader):
    """Jets of one shard; they passed all checks of their values when the shard was written."""

    screened = True

    def __init__(self, path: Path, schema: Schema, request: Request) -> None:
        super().__init__(path, schema, request)
        self.file = ShardFile(path)
        self.num_sources = int(self.file.about["num_sources"])
        known = columns_of(self.file)
        for name in request.columns or ():
            if self.num_entries and name not in known:
                what = f"{quoted(path)}: there is no column '{quoted(name)}'"
                raise DataError("NO-BRANCH", what, did_you_mean(name, known))

    @property
    def num_entries(self) -> int:
        """Number of jets."""
        return int(self.file.about["jets"])

    def cuts(self, step: int) -> list[int]:
        """Return cuts exactly ``step`` apart; a shard has no storage units."""
        return [*range(0, self.num_entries, step), self.num_entries]

    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield jets ``start:stop``; arrays lie in the mapped file."""
        end = self.num_entries if stop is None else min(stop, self.num_entries)
        for first in range(start, end, step or max(end - start, 1)):
            jets = decode(self.file, first, min(first + (step or end), end), wanted=self._wants)
            jets = capped(with_sums(jets), self.request.max_constituents, self.request.tally)
            yield _regrouped(jets, self.request.classes, self.file.about["options"]["classes"])

    def verify(self) -> None:
        """Compare the shard with its own digest, and with its folder's manifest where there is one.

        Raises
        ------
        DataError
            ``SHARD-HASH``.
        """
        digest, manifest = self.file.verify(), self.path.parent / MANIFEST
        if manifest.is_file():
            named = {shard["name"]: shard["sha256"] for shard in read_signed(manifest)["shards"]}
            if named.get(self.path.name) != digest:
                raise DataError("SHARD-HASH", f"{quoted(self.path)} is not the shard that the manifest names")

    def _wants(self, name: str) -> bool:
        """Whether a column is read; those that follow from all constituents are kept where these are not all there."""
        cut_short = self.file.about["options"]["max_constituents"] is not None
        return name in _ALWAYS or self.request.wants(name) or (cut_short and name in SUMS)


def _regrouped(jets: Jets, classes: Classes | None, given: Mapping[str, Any] | None) -> Jets:
    """Return jets in the classes that the caller wants.

    Parameters
    ----------
    given
        {class: truth branches} with which the shards were prepared; their branches are understood as their classes.
    """
    if classes is None or jets.label is None:
        return jets
    label, names = regroup(jets.label, jets.classes, _by_class(classes, given or {}))
    return replace(jets, label=label, classes=names)


def _by_class(classes: Classes, given: Mapping[str, Any]) -> dict[str, list[str | int]]:
    of = {_key(words): name for name, words in given.items()}
    single = {class_name(str(word)): name for name, words in given.items() if len(w := _key(words)) == 1 for word in w}
    out: dict[str, list[str | int]] = {}
    for name, words in classes.items():
        whole = of.get(_key(words))
        out[name] = [whole] if whole else [single.get(class_name(str(word)), word) for word in _listed(words)]
    return out


def _listed(words: Any) -> list[Any]:
    return list(words) if isinstance(words, list | tuple) else [words]


def _key(words: Any) -> tuple[str, ...]:
    return tuple(sorted(class_name(str(word)) for word in _listed(words)))
