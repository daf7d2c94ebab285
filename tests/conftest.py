"""Settings of all tests, and what several of them start from."""

import os

import pytest
from hypothesis import settings

from jetlego.training.config import RunConfig

# The same examples every time, so that a change is judged by what it changes; HYPOTHESIS_PROFILE=search looks further.
settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.fixture(scope="session")
def small_config():
    """A run that trains in about a second: 600 embedded jets, a narrow recursive network."""

    def make(**training):
        return RunConfig.model_validate({
            "name": "small",
            "data": {
                "schema": "jetclass", "train": ["sample://top", "sample://qcd"], "max_jets": 600,
                "classes": {"top": "label_Tbqq", "qcd": "label_QCD"}, "features": "lund_kinematics",
            },
            "structure": {"tree": {"algorithm": "kt"}},
            "model": {"brick": "recursive_tagger", "cell": {"brick": "recnn_simple", "hidden": 12},
                      "head": {"brick": "mlp", "hidden": [12], "dropout": 0.1}},
            "training": {"epochs": 3, "batch_size": 64, "optimizer": {"lr": 5e-3}, "threads": 1, **training},
            "evaluation": {"bootstrap": 20},
        })  # fmt: skip

    return make
