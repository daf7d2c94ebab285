"""Jet images: what stands in each pixel, and what does not matter."""

import numpy as np
import pytest
import torch

from jetlego.bricks.build import build
from jetlego.errors import ConfigError
from jetlego.models.inputs import angles_to_jet
from jetlego.testing.guards import no_sync
from jetlego.testing.jets import one_jet, permuted_batch, tiny_batch

NET = {"brick": "resnet", "width": 4, "blocks": [1, 1]}


def made(**how):
    return build({"brick": "jet_image", "net": NET, "size": 8, **how}, in_dim=7, num_classes=3, seed=1).double().eval()


def test_pixels_hold_shares_counts_and_features():
    jets, model = tiny_batch(dtype=torch.float64), made(half_width=0.6)
    image = model.image(jets)
    assert image.shape == (6, 9, 8, 8)
    points, pt = angles_to_jet(jets.p4, jets.jet_ptr), torch.hypot(jets.p4[:, 0], jets.p4[:, 1])
    edges = np.linspace(-0.6, 0.6, 9)
    first, last = jets.jet_ptr[4:6].tolist()
    here = slice(first, last)
    share = (pt[here] / pt[here].sum()).numpy()
    for channel, weight, undo in ((0, share, lambda v: (1001**v - 1) / 1000), (1, None, np.expm1),
                                  (5, share * jets.constituents[here, 3].numpy(), lambda v: v)):  # fmt: skip
        expected, _, _ = np.histogram2d(*points[here].numpy().T, bins=[edges, edges], weights=weight)
        np.testing.assert_allclose(undo(image[4, channel].numpy()), expected, atol=1e-12)


def test_order_and_company_do_not_matter():
    jets, model = tiny_batch(dtype=torch.float64), made()
    logits = model(jets)
    assert logits.shape == (6, 3)
    torch.testing.assert_close(model(permuted_batch(jets)), logits)
    torch.testing.assert_close(model(one_jet(jets, 4)), logits[4:5])
    with no_sync():
        model(jets)


def test_channels_can_be_chosen():
    assert made(channels=["pt"]).image(tiny_batch(dtype=torch.float64)).shape[1] == 1
    with pytest.raises(ConfigError, match="one of 'pt', 'count', 'features'"):
        made(channels=["charge"])
