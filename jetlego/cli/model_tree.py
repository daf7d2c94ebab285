"""A network drawn as a tree of parts with their parameter counts."""

from __future__ import annotations

import torch
from rich.tree import Tree


def model_tree(model: torch.nn.Module, name: str) -> Tree:
    """Return a tree of sub-modules; each line tells the kind, the parameter shapes and how many numbers they hold."""
    tree = Tree(_label(name, model))
    _grow(tree, model)
    return tree


def _grow(tree: Tree, module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if any(True for _ in child.parameters()) or any(True for _ in child.children()):
            _grow(tree.add(_label(name, child)), child)


def _label(name: str, module: torch.nn.Module) -> str:
    total = sum(p.numel() for p in module.parameters())
    own = ", ".join(f"{key} {tuple(p.shape)}" for key, p in module.named_parameters(recurse=False))
    return f"[bold]{name}[/bold] {type(module).__name__}  [cyan]{total:,} parameters[/cyan]" + (
        f"  [dim]{own}[/dim]" if own else ""
    )
