"""Jets of many files in a shuffled order that fits no memory: blocks of files, pools of blocks, batches of pools.

A *block* is a run of entries of one file that ends where baskets, clusters or row groups end, and is read in one go.
Blocks of all files are put into an order keyed by (seed, epoch), the classes evenly spread over it. Consecutive blocks
make a *pool*, and the jets of a pool are put into a keyed order again. So the jet at each position of an epoch is a
pure function of (seed, epoch, position): workers, ranks and interruptions do not change it. Memory holds the pool in
use and the one being made, however many files there are.
"""

from jetlego.data.stream.index import BlockIndex, read_all, scan
from jetlego.data.stream.order import EpochOrder
from jetlego.data.stream.portions import Portion, Slice, portions
from jetlego.data.stream.quality import ShuffleMeter
from jetlego.data.stream.readers import Readers
from jetlego.data.stream.source import Block, BlockReader, FileSource, Source

__all__ = [
    "Block",
    "BlockIndex",
    "BlockReader",
    "EpochOrder",
    "FileSource",
    "Portion",
    "Readers",
    "ShuffleMeter",
    "Slice",
    "Source",
    "portions",
    "read_all",
    "scan",
]
