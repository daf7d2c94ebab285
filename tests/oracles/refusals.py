"""Reading that must fail, and with which words."""

from __future__ import annotations

import pytest

from jetlego.data.read import read_jets
from jetlego.errors import DataError


def refused(id: str, *words: str, kind: type = DataError, **options) -> str:
    """Read with the options, expect an error of this ID that holds all words, and return its text."""
    with pytest.raises(kind) as caught:
        read_jets(**options)
    assert caught.value.id == id
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)
