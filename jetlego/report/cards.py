"""The pieces a page is made of: figures with words, in sections."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetlego.report.svg import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Card:
    """A figure as a data URI, with title and caption.

    ``width`` is its natural width in pixels; a ``wide`` one takes the whole width of the page.
    """

    title: str
    image: str
    caption: str
    width: int
    wide: bool = False

    @property
    def file_name(self) -> str:
        """Name of an SVG file for the figure, made of its title."""
        words = "".join(c if c.isascii() and c.isalnum() else " " for c in self.title.lower()).split()
        return "-".join(words) + ".svg"

    def svg(self) -> bytes:
        """Return the figure as SVG."""
        return base64.b64decode(self.image.partition(",")[2])


@dataclass(frozen=True)
class Section:
    """A heading and its figures; ``missing`` says which figures there are not, and why."""

    name: str
    title: str
    cards: tuple[Card, ...]
    missing: tuple[str, ...] = ()


def card(title: str, figure: Figure, caption: str, *, wide: bool = False) -> Card:
    """Return a figure as a card; the figure itself is no longer needed."""
    return Card(title, data_uri(figure), caption, round(96 * figure.get_figwidth()), wide)


def section(name: str, title: str, *items: Card | str) -> Section:
    """Return a section of the cards among ``items``; the strings among them are reasons for missing figures."""
    cards = tuple(item for item in items if isinstance(item, Card))
    return Section(name, title, cards, tuple(item for item in items if isinstance(item, str)))
