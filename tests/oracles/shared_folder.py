"""Reference data beside the checkout; tests that need it skip with a reason where it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


def shared(relative: str) -> Path:
    """Return a path in ``../shared``, or skip the test."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference data ../shared/{relative} is absent")
    return path
