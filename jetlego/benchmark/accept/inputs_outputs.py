"""The task of the table of inputs and outputs: every assembly learns from what it is given."""

from __future__ import annotations

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.watch import tell
from jetlego.benchmark.cells import read_cells, train
from jetlego.benchmark.toy_jets import ToyJets


@task(
    "io",
    published={"cells better than blind": 1.0, "least gain": None},
    source="each cell against the same one that is shown zeros, after as many steps",
    gate={"cells better than blind": ">= 1", "least gain": "> 0"},
    minutes=5,
    bricks=["assembly", "edge_head", "lca_head", "merge_decoder", "flow_head"],
)
def learn_every_cell(seed: int) -> dict[str, float]:
    """Share of assemblies that beat the best answer that does not look, after 200 steps on 1500 toy jets.

    Compared on 500 further jets. The gain is in units of each cell's own loss.
    """
    jets, cells = ToyJets.make(2000, seed=seed), read_cells()
    gains = []
    for number, cell in enumerate(cells.values()):
        seen, unseen = (
            train(cell.build(seed=seed), jets, steps=200, seed=seed, batch=32, blind=blind) for blind in (False, True)
        )
        gains.append(unseen - seen)
        tell(number, len(cells))
    return {"cells better than blind": sum(g > 0 for g in gains) / len(gains), "least gain": min(gains)}
