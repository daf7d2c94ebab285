"""The shuffled stream: each jet once, the same sequence for any threads and ranks, from any position, in two pools."""

import itertools
import os
import shutil
import weakref

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego import iterate_jets, read_jets
from jetlego.data.formats.reader import Request
from jetlego.data.sample import resolve
from jetlego.data.stream import (
    Block,
    BlockIndex,
    BlockReader,
    FileSource,
    Readers,
    ShuffleMeter,
    Slice,
    Source,
    portions,
    scan,
)
from jetlego.data.stream.quality import entropy, expected_entropy
from jetlego.data.stream.shuffle import shuffled_jets
from jetlego.errors import ConfigError, DataError, JetlegoWarning

CLASSES = {"top": "label_Tbqq", "qcd": "label_QCD"}


class JetsInMemory(Source):
    """Two files' worth of real jets, top first, then QCD; counts the blocks that are alive."""

    names = ("top", "qcd")
    skipped = ()
    first = (0, 1)

    def __init__(self, jets):
        self.jets = [jets.select(jets.label == k) for k in (0, 1)]
        self.alive = self.most = 0

    def blocks(self, size):
        edges = [[*range(0, jets.num_jets, size), jets.num_jets] for jets in self.jets]
        return [Block(file, a, b) for file, cuts in enumerate(edges) for a, b in itertools.pairwise(cuts)]

    def open(self, *, first=False):
        return _Part(self)

    def dead(self):
        self.alive -= 1


class _Part(BlockReader):
    def __init__(self, source):
        self.source = source

    def read(self, block):
        jets = self.source.jets[block.file].select(slice(block.start, block.stop))
        self.source.alive += 1
        self.source.most = max(self.source.most, self.source.alive)
        weakref.finalize(jets, self.source.dead)
        return jets


@pytest.fixture(scope="module")
def jets():
    return read_jets(["sample://top/val", "sample://qcd/val"], classes=CLASSES, columns=["jet_pt"])


@pytest.fixture
def source(jets):
    return JetsInMemory(jets)


def key(jets):
    return jets.jet["file_index"] * 10**6 + jets.jet["event_index"]


def batches(source, *, size=64, pool=400, seed=3, epoch=0, first=0, rank=0, ranks=1, workers=1):
    """Return the keys of the jets of each batch."""
    index = scan(source, size=50)
    bounds = np.unique([*range(0, index.total, size), index.total])
    order, out = index.order(pool, seed=seed, epoch=epoch), []
    with Readers(source, workers) as readers:
        for portion in portions(readers, index, order, bounds, lambda j: j, first=first, slice_=Slice(rank, ranks)):
            out += [key(portion.content)[rows] for rows in portion.batches]
    return out


def test_every_jet_comes_once_an_epoch_and_epochs_differ(source, jets):
    one, two = (np.concatenate(batches(source, epoch=epoch)) for epoch in (0, 1))
    np.testing.assert_array_equal(np.sort(one), np.sort(key(jets)))
    np.testing.assert_array_equal(np.sort(two), np.sort(key(jets)))
    assert (one == two).mean() < 0.01


def test_threads_do_not_change_the_sequence(source):
    for a, b in zip(batches(source, workers=1), batches(source, workers=3), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [64, 900])  # inside a pool, and over several
def test_ranks_take_slices_of_the_same_sequence(source, size):
    whole = batches(source, size=size)
    parts = [batches(source, size=size, rank=rank, ranks=2) for rank in (0, 1)]
    for batch, even, odd in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(batch[::2], even)
        np.testing.assert_array_equal(batch[1::2], odd)


@pytest.mark.parametrize("first", [1, 6, 7, 30])
def test_any_batch_can_be_the_first(source, first):
    for a, b in zip(batches(source)[first:], batches(source, first=first), strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_holds_two_pools_and_a_few_blocks(source):
    index, made, alive = scan(source, size=50), [], set()
    order = index.order(400, seed=1, epoch=0)
    source.alive = source.most = 0

    def prepare(jets):
        content = jets.select(slice(None))
        alive.add(id(content))
        weakref.finalize(content, alive.discard, id(content))
        made.append(len(alive))
        return content

    with Readers(source, 2) as readers:
        for _ in portions(readers, index, order, np.array([0, index.total // 2, index.total]), prepare):
            pass
        for portion in portions(readers, index, order, np.arange(0, index.total, 20), prepare):
            del portion
    assert max(made[2:]) <= 3  # in use, made, and the straddling batch between the two
    assert source.most <= 5
    assert order.num_pools == 5
    assert np.diff(order.pool_ptr).max() <= 450


def test_classes_are_spread_evenly_over_the_pools(source):
    index = scan(source, size=50)
    assert index.counts.tolist()[0] == [50, 0, 0]
    order = index.order(400, seed=5, epoch=2)
    for pool in range(order.num_pools):
        share = index.counts[order.pool_blocks(pool)].sum(axis=0)
        assert abs(share[0] - share[1]) <= 100


def test_quality_tells_sorted_from_shuffled(source, jets):
    index = scan(source, size=50)
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(len(index.blocks)), index.num_jets)
    label = np.repeat(index.group, index.num_jets)
    figures = {}
    for name, rows in {"ideal": rng.permutation(len(block)), "sorted": np.arange(len(block))}.items():
        meter = ShuffleMeter(index)
        for start in range(0, len(rows), 64):
            meter.add(block[rows[start : start + 64]], label[rows[start : start + 64]])
        figures[name] = meter.figures()
    assert figures["ideal"]["quality"] == pytest.approx(1, abs=0.01)
    assert figures["ideal"]["depth"] == pytest.approx(1, abs=0.01)
    assert abs(figures["ideal"]["autocorrelation"]) < 0.05
    assert figures["sorted"]["quality"] < 0.05
    assert figures["sorted"]["autocorrelation"] > 0.95
    meter = ShuffleMeter(index)
    order, position = index.order(1000, seed=1, epoch=0), 0
    for pool in range(order.num_pools):
        owner = np.repeat(order.pool_blocks(pool), index.num_jets[order.pool_blocks(pool)])
        rows = owner[order.rows(pool, np.arange(order.pool_ptr[pool], order.pool_ptr[pool + 1]))]
        for position in range(0, len(rows), 64):
            meter.add(rows[position : position + 64], index.group[rows[position : position + 64]])
    assert meter.figures()["quality"] > 0.98
    assert abs(meter.figures()["autocorrelation"]) < 0.05


def test_expected_entropy_is_that_of_many_draws():
    share, rng = np.array([0.5, 0.2, 0.2, 0.1]), np.random.default_rng(2)
    drawn = np.mean([entropy(counts) for counts in rng.multinomial(30, share, size=20_000)])
    assert expected_entropy(share, 30) == pytest.approx(drawn, rel=2e-3)


def test_parts_share_no_block_and_keep_the_classes(source):
    index = scan(source, size=50)
    parts = index.part([0.1, 0.2], seed=7)
    blocks = [set(part.blocks) for part in parts]
    assert set.union(*blocks) == set(index.blocks)
    assert sum(map(len, blocks)) == len(index.blocks)
    assert [part.total for part in parts] == [200, 400, 1400]
    assert all(abs(int(part.counts[:, 0].sum()) * 2 - part.total) <= 100 for part in parts)
    assert BlockIndex.from_dict(index.to_dict()).blocks == index.blocks
    with pytest.raises(DataError, match="too few"):
        index.select(np.array([0, 1])).part([0.1, 0.2], seed=7)


def test_files_through_python(jets):
    options = {"classes": CLASSES, "columns": ["jet_pt"], "step": 300, "shuffle": True, "seed": 4}
    paths = ["sample://top/val", "sample://qcd/val"]
    whole = np.concatenate([key(part) for part in iterate_jets(paths, **options)])
    np.testing.assert_array_equal(np.sort(whole), np.sort(key(jets)))
    rest = np.concatenate([key(part) for part in iterate_jets(paths, **options, start=1_234)])
    np.testing.assert_array_equal(rest, whole[1_234:])
    some = next(iterate_jets(paths, **options))
    row = int(np.flatnonzero(key(jets) == key(some)[0])[0])
    np.testing.assert_array_equal(some.select([0]).p4, jets.select([row]).p4)
    with pytest.raises(ConfigError, match="start -1"):
        next(iterate_jets(paths, shuffle=True, start=-1))


def test_a_selection_is_counted_before_the_order_is_made(jets):
    files, request = ["sample://top/val", "sample://qcd/val"], Request(classes=CLASSES)
    source = FileSource(files, where="jet_pt > 600", request=request)
    found = np.concatenate([key(part) for part in shuffled_jets(source, step=100, seed=1, block=100, pool=300)])
    np.testing.assert_array_equal(np.sort(found), np.sort(key(jets)[jets.jet["jet_pt"] > 600]))


def test_a_file_that_changes_between_passes_is_refused(tmp_path):
    path = tmp_path / "top.root"
    shutil.copy(resolve("sample://top/val")[0], path)
    source = FileSource([path])
    index = scan(source, size=100)
    os.utime(path, ns=(1, 1))
    with source.open() as reader, pytest.raises(DataError, match=r"top\.root") as caught:
        reader.read(index.blocks[0])
    assert caught.value.id == "FILE-CHANGED"


def test_a_bad_file_stops_the_first_pass_or_is_counted(tmp_path):
    good, bad = shared("golden/jetclass_mini.root"), tmp_path / "cut.root"
    raw = good.read_bytes()
    bad.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DataError, match="cut"):
        scan(FileSource([good, bad]), size=50)
    source = FileSource([good, bad], skip_bad=True)
    with pytest.warns(JetlegoWarning, match="1 bad files"):
        index = scan(source, size=50)
    assert {block.file for block in index.blocks} == {0}
    assert len(source.skipped) == 1
