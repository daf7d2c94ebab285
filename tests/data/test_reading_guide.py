"""The guide to reading does what it says: its code runs on the embedded jets, and gives what numpy gives by hand."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.check import check
from jetlego.data.read import read_jets
from jetlego.data.yaml_reader import parse_yaml
from jetlego.physics import kinematics

GUIDE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Return the names that the section on features, classes and weights defines."""
    (code,) = (text for text in blocks("python") if "derived" in text)
    script = tmp_path_factory.mktemp("guide") / "features.py"
    script.write_text(code)
    return runpy.run_path(str(script))


def test_derived_columns_are_what_numpy_gives(names) -> None:
    jets = names["jets"]
    share = kinematics.pt(jets.p4) / np.repeat(jets.jet["jet_pt"], jets.num_constituents)
    np.testing.assert_allclose(names["inputs"][:, 3], share, rtol=1e-6)
    rho = np.log(jets.jet["jet_sdmass"].astype(float) ** 2 / jets.jet["jet_pt"].astype(float) ** 2 + 1e-6)
    np.testing.assert_allclose(names["table"][:, 5], rho, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(names["table"][:, 1], jets.jet["jet_tau2"] / jets.jet["jet_tau1"], rtol=1e-5)
    low, middle, high = np.quantile(names["table"][::2], (0.25, 0.5, 0.75), axis=0)
    np.testing.assert_allclose(names["scaled"], (names["table"] - middle) / (high - low), rtol=1e-4, atol=1e-4)


def test_classes_by_branch_by_expression_and_by_file(names) -> None:
    jets, by_mass, by_name = names["jets"], names["by_mass"], names["by_name"]
    assert jets.classes == by_name.classes == ("top", "qcd")
    assert np.array_equal(jets.label, by_name.label)
    assert by_mass.classes == ("light", "heavy")
    assert np.array_equal(by_mass.label, (jets.jet["jet_sdmass"] > 100).astype(int))


def test_weights_make_every_class_flat_in_two_variables(names) -> None:
    jets, edges, weight = names["jets"], names["edges"], names["jet_weight"]
    for k in range(2):
        of_class = jets.label == k
        content = np.histogram2d(
            *(jets.jet[name][of_class] for name in edges), bins=list(edges.values()), weights=weight[of_class]
        )[0]
        filled = content[content > 0]
        assert len(filled) >= 19
        np.testing.assert_allclose(filled, filled.mean(), rtol=1e-3)


def test_the_first_example_runs(tmp_path) -> None:
    (tmp_path / "first.py").write_text(blocks("python")[0])
    jets = runpy.run_path(str(tmp_path / "first.py"))["jets"]
    assert jets.jet["jet_pt"].min() > 550
    assert jets.classes == ("top", "qcd")


@pytest.mark.slow
def test_the_schema_of_the_worked_example_reads_pfnano(tmp_path) -> None:
    (text,) = (text for text in blocks("yaml") if "FatJetPFCands" in text)
    (tmp_path / "pfnano.yaml").write_text(text)
    path = shared("data/formats/pfnano.root")
    mine, known = (read_jets(path, schema=schema) for schema in (tmp_path / "pfnano.yaml", "pfnano"))
    assert np.array_equal(mine.p4, known.p4)
    assert np.array_equal(mine.label, known.label)
    assert np.array_equal(mine.constituents["part_d0val"], known.constituents["part_d0val"])
    assert parse_yaml(text).data["tree"] == "Events"
    (told,) = (note for note in check(path, schema=tmp_path / "pfnano.yaml").files[0].notes if "add up" in note)
    assert told in GUIDE
