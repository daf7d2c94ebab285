"""The closed vocabulary: ``@brick`` writes a word into it, ``bricks()`` reads it out.

A word enters only by import: the modules of :mod:`jetlego.bricks.homes` on first look-up, the entry points
``jetlego.bricks`` of installed packages, or :func:`import_bricks` (``--import my_package``). A YAML file or a
checkpoint never names a Python path.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from torch import nn

from jetlego.bricks.homes import HOMES, home_of
from jetlego.bricks.studs import Stud
from jetlego.errors import ConfigError, JetlegoWarning, did_you_mean

C = TypeVar("C", bound=Callable[..., Any])

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PAPER = re.compile(r"arXiv:[\w.\-/]*\d")
_REGISTRY: dict[str, Entry] = {}
_BROKEN_PLUGINS: dict[str, str] = {}
_plugins_loaded = False


@dataclass(frozen=True)
class Entry:
    """One word of the vocabulary.

    ``kind`` is ``"model"`` for an assembly that takes a ``JetBatch``, else ``"brick"``; ``group`` is the file it
    stands in; ``views`` says whether it works on padded tensors with a mask, on packed ones with offsets, or on both;
    ``dynamic`` marks a brick whose graph depends on the data: ``torch.compile`` and ``torch.export`` are not promised.
    """

    name: str
    kind: str
    group: str
    make: Callable[..., Any]
    takes: Mapping[str, Stud]
    gives: Mapping[str, Stud]
    views: frozenset[str]
    signature: inspect.Signature = field(repr=False)
    summary: str = ""
    paper: str = ""
    dynamic: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments a spec may give."""
        return tuple(self.signature.parameters)

    @property
    def first_takes(self) -> Stud:
        """The main input."""
        return next(iter(self.takes.values()))

    @property
    def first_gives(self) -> Stud:
        """The main output."""
        return next(iter(self.gives.values()))


def brick(
    name: str,
    *,
    takes: Mapping[str, str],
    gives: Mapping[str, str],
    views: tuple[str, ...] = ("padded",),
    paper: str = "",
    dynamic: bool = False,
) -> Callable[[C], C]:
    """Register a module class, or a function that returns a module, under ``name``.

    Parameters
    ----------
    name
        snake_case word of the vocabulary.
    takes, gives
        {stream: stud}, main stream first; studs as in :mod:`jetlego.bricks.studs`, such as ``{"x": "set[in_dim]"}``.
        A model takes ``{"jets": "batch"}``.
    views
        ``"padded"`` (x with mask), ``"packed"`` (x with ptr), or both.
    paper
        Source; by default the first ``arXiv:`` number of the docstring.
    dynamic
        The graph of operations depends on the data (trees, adaptive halting).

    Raises
    ------
    ConfigError
        ``PLUGIN`` if the name is taken or no snake_case word.
    TypeError
        If an argument is not keyword-only.
    """

    def register(make: C) -> C:
        entry = _entry(name, make, takes, gives, views, paper, dynamic)
        _refuse_taken(name, make)
        made = _recorded_class(make, entry) if inspect.isclass(make) else _recorded_function(make, entry)
        _REGISTRY[name] = entry if made is make else _with_make(entry, made)
        return made

    return register


def bricks() -> Mapping[str, Entry]:
    """Return the whole vocabulary, sorted by group and name; imports every module of the box and every plug-in."""
    for module in HOMES:
        importlib.import_module(module)
    _load_plugins()
    for where, reason in _BROKEN_PLUGINS.items():
        warnings.warn(JetlegoWarning("PLUGIN", f"{where} could not be imported: {reason}"), stacklevel=2)
    order = sorted(_REGISTRY.values(), key=lambda e: (e.kind, e.group, e.name))
    return MappingProxyType({e.name: e for e in order})


def find_brick(name: str) -> Entry:
    """Return one entry, importing the module where it lives; raise ``UNKNOWN-BRICK`` with the nearest names."""
    if name not in _REGISTRY and name in (homes := home_of()):
        importlib.import_module(homes[name])
    if name not in _REGISTRY:
        _load_plugins()
    if name in _REGISTRY:
        return _REGISTRY[name]
    if _BROKEN_PLUGINS:
        where, reason = next(iter(_BROKEN_PLUGINS.items()))
        raise ConfigError("PLUGIN", f"no brick '{name}', and {where} could not be imported: {reason}")
    raise ConfigError("UNKNOWN-BRICK", f"no brick '{name}'", did_you_mean(name, {*home_of(), *_REGISTRY}))


def import_bricks(package: str) -> tuple[str, ...]:
    """Import a package that registers bricks (``--import``) and return the new names."""
    before = set(_REGISTRY)
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ConfigError("PLUGIN", f"--import {package}: {error}") from error
    return tuple(sorted(set(_REGISTRY) - before))


def _entry(name: str, make: Any, takes: Mapping[str, str], gives: Mapping[str, str], views: tuple[str, ...],
           paper: str, dynamic: bool) -> Entry:  # fmt: skip
    bare = inspect.isclass(make) and make.__init__ is nn.Module.__init__
    signature = inspect.Signature() if bare else inspect.signature(make)
    for argument in signature.parameters.values():
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"brick '{name}': argument '{argument.name}' must be keyword-only")
    if not set(views) <= {"padded", "packed"}:
        raise TypeError(f"brick '{name}': views are 'padded' and 'packed', not {views}")
    text = inspect.cleandoc(make.__doc__ or "")
    found = _PAPER.search(text)
    studs_in = {k: Stud.parse(v) for k, v in takes.items()}
    return Entry(
        name=name,
        kind="model" if any("batch" in s.kinds for s in studs_in.values()) else "brick",
        group=make.__module__.rpartition(".")[2],
        make=make,
        takes=MappingProxyType(studs_in),
        gives=MappingProxyType({k: Stud.parse(v) for k, v in gives.items()}),
        views=frozenset(views),
        signature=signature,
        summary=text.partition("\n")[0],
        paper=paper or (found[0] if found else ""),
        dynamic=dynamic,
    )


def _refuse_taken(name: str, make: Any) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError("PLUGIN", f"{make.__module__} registers '{name}', which is no snake_case word")
    home = _REGISTRY[name].make.__module__ if name in _REGISTRY else home_of().get(name, make.__module__)
    if home != make.__module__ or name in _REGISTRY:
        raise ConfigError("PLUGIN", f"{make.__module__} registers '{name}', which {home} already gives")


def _recorded_class(cls: Any, entry: Entry) -> Any:
    """Let every instance remember its entry and arguments, for :func:`jetlego.bricks.build.spec_of`."""
    init = cls.__init__

    @functools.wraps(init)
    def __init__(self: Any, **arguments: Any) -> None:
        if type(self) is cls:
            self.__dict__["_brick"] = (entry.name, arguments)
        init(self, **arguments)

    cls.__init__ = __init__
    return cls


def _recorded_function(function: Any, entry: Entry) -> Any:
    @functools.wraps(function)
    def make(**arguments: Any) -> Any:
        module = function(**arguments)
        module.__dict__["_brick"] = (entry.name, arguments)
        return module

    return make


def _with_make(entry: Entry, make: Any) -> Entry:
    return Entry(**{**{f: getattr(entry, f) for f in entry.__dataclass_fields__}, "make": make})


def _load_plugins() -> None:
    """Import the entry points once; one that fails is remembered, and the others work."""
    global _plugins_loaded
    if _plugins_loaded:
        return
    _plugins_loaded = True
    for point in importlib.metadata.entry_points(group="jetlego.bricks"):
        try:
            point.load()
        except Exception as error:  # a foreign package may raise anything
            dist = point.dist.name if point.dist else "?"
            _BROKEN_PLUGINS[f"plug-in '{point.name}' of {dist}"] = f"{type(error).__name__}: {error}"
