"""JetsGame's lines of JSON and Lund declusterings."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.formats.jetsgame import read_declusterings
from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets
from jetlego.errors import DataError

COUNTS = [4, 1, 3]
MOMENTA = np.random.default_rng(1).normal(0, 30, (8, 3))
P4 = np.column_stack([MOMENTA, np.linalg.norm(MOMENTA, axis=1)])


def lines() -> list[str]:
    parts = np.split(P4, np.cumsum(COUNTS)[:-1])
    jets = [[{"pt": 1, "nparts": len(p)}, *(dict(zip(("px", "py", "pz", "E"), row, strict=True)) for row in p.tolist())]
            for p in parts]  # fmt: skip
    out = [json.dumps(jet) for jet in jets]
    return [json.dumps("a header"), out[0], json.dumps("another"), *out[1:]]


def test_headers_and_jet_records_are_skipped_and_the_name_labels(tmp_path) -> None:
    path = tmp_path / "test_WW_500GeV.json.gz"
    path.write_bytes(gzip.compress("\n".join(lines()).encode()))
    jets = read_jets(path)
    assert jets.num_constituents.tolist() == COUNTS
    assert np.array_equal(jets.p4, P4)
    assert jets.classes == ("QCD", "W", "top", "quark", "gluon")
    assert jets.label.tolist() == [1, 1, 1]
    assert np.array_equal(Jets.concatenate(list(iterate_jets(path, step=2))).p4, P4)
    assert np.array_equal(read_jets(path, entries=(1, 2)).p4, P4[4:5])
    two = read_jets(path, classes={"signal": ["W", "top"], "background": "QCD"})
    assert two.label.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("line", "words"), [
    ('[{}, {"px": NaN, "py": 1, "pz": 1, "E": 2}]', "NaN is no JSON number"),
    ('[{}, {"px": 1, "py": 1, "pz": 1}]', "a particle without E"),
    ('[{}, {"px": "x", "py": 1, "pz": 1, "E": 2}]', "no number"),
    ('{"px": 1}', "a jet must be a list"),
    ("[{}, ", "is not JSON"),
    ("[" * 100_000, "is not JSON"),
    ('[{}, {"z": 0.1, "Delta": 0.2}]', "declusterings, not particles"),
])  # fmt: skip
def test_faults_stand_at_their_line(tmp_path, line, words) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n".join([lines()[1], line]))
    with pytest.raises(DataError, match=r"a\.json:2") as caught:
        read_jets(path)
    assert words in str(caught.value)


def test_a_git_lfs_pointer_and_a_damaged_end(tmp_path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match="git-lfs pointer, not data"):
        read_jets(path)
    packed = gzip.compress("\n".join(lines() * 200).encode())
    path.write_bytes(packed[:-20])
    with pytest.raises(DataError, match="cannot be read beyond line"):
        read_jets(path)


def test_declusterings_of_the_lund_plane_example() -> None:
    path = shared("data/formats/jets.json")
    found = read_declusterings(path)
    assert np.diff(found.jet_ptr).tolist() == [19, 16]
    assert found.columns["z"][:19].sum() == pytest.approx(1.155651389, rel=1e-6)
    assert found.columns["kt"][:19].sum() == pytest.approx(11.8614412, rel=1e-6)
    z = found.columns["s_pt"] / (found.columns["h_pt"] + found.columns["s_pt"])
    assert np.allclose(z, found.columns["z"], rtol=1e-4)
    with pytest.raises(DataError, match="declusterings, not particles"):
        read_jets(path)
