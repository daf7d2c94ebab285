"""The pieces a page is made of: figures with words, in sections."""

from __future__ import annotations

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
