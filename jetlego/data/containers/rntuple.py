"""Page checksums of an RNTuple, which uproot does not look at while reading: a flipped bit is found here or never.

References
----------
ROOT, RNTuple binary format specification 1.0, "Page locations": XXH3, 64 bit, after each page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

_BYTES = 8


def damaged_pages(path: Path, ntuple: Any) -> Iterator[str]:
    """Yield ``'field', cluster c, page p`` for every page whose checksum does not fit its bytes.

    Parameters
    ----------
    path
        The file that holds the RNTuple.
    ntuple
        uproot's model of it.
    """
    with path.open("rb") as file:
        for cluster, columns in enumerate(ntuple.page_link_list):
            for column, link in enumerate(columns):
                for number, page in enumerate(link.pages):
                    if page.has_checksum and not _intact(file, page.locator):
                        field = ntuple.field_records[ntuple.column_records[column].field_id].field_name
                        yield f"'{field}', cluster {cluster}, page {number}"


def _intact(file: Any, locator: Any) -> bool:
    file.seek(locator.offset)
    data = file.read(locator.num_bytes + _BYTES)
    stored = int.from_bytes(data[locator.num_bytes :], "little")
    return len(data) == locator.num_bytes + _BYTES and xxhash.xxh3_64_intdigest(data[: locator.num_bytes]) == stored
