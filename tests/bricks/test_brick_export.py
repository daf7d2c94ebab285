"""Every brick whose graph does not depend on the data can be exported and compiled whole, and says the same then."""

import pytest
import torch
from torch import nn

from jetlego.testing.examples import all_examples
from jetlego.testing.kit import make
from jetlego.testing.streams import call, entry_of, taken

FIXED = {name: e for name, e in all_examples().items() if "/" not in name and not entry_of(name).dynamic}


class Listed(nn.Module):
    """A brick whose outputs come as a tuple, whatever it gives."""

    def __init__(self, brick):
        super().__init__()
        self.brick = brick

    def forward(self, **inputs):
        return tuple(call(self.brick, inputs))


def exported(module, inputs):
    """The graph of torch.export, which knows nothing of Python."""
    return torch.export.export(module, (), inputs, strict=False).module()


def compiled(module, inputs):
    """One graph without a break, run as it was traced: code generation is torch's own business."""
    torch._dynamo.reset()
    torch._dynamo.config.allow_rnn = True
    return torch.compile(module, fullgraph=True, backend="aot_eager", dynamic=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The tensor attributes")  # torch flattens weights of its recurrent nets anew
@pytest.mark.parametrize("how", [exported, compiled])
@pytest.mark.parametrize("name", FIXED)
def test_the_graph_says_what_the_brick_says(name, how):
    module, inputs = Listed(make(FIXED[name])), taken(entry_of(name), FIXED[name])
    with torch.no_grad():
        expected, found = module(**inputs), how(module, dict(inputs))(**inputs)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_most_of_the_vocabulary_is_fixed():
    assert len(FIXED) > 90
