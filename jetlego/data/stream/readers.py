"""Threads that read blocks, each with files of its own open; results come in the order asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from jetlego.data.jets import Jets
from jetlego.data.stream.source import Block, BlockReader, Source
from jetlego.errors import DataError


class Readers:
    """Reads blocks of one source with ``workers`` threads; closes with its ``with`` block.

    The jets do not depend on the number of workers. At most ``workers + 1`` blocks are held at a time.
    """

    def __init__(self, source: Source, workers: int, *, first: bool = False) -> None:
        self.source, self.workers, self.first = source, workers, first
        self._local = threading.local()
        self._lock = threading.Lock()
        self._readers: list[BlockReader] = []
        self._threads = ThreadPoolExecutor(workers)

    def close(self) -> None:
        """Let the threads end and close their files."""
        self._threads.shutdown(cancel_futures=True)
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, blocks: Iterable[Block]) -> Iterator[Jets | DataError]:
        """Yield the jets of each block, or what was wrong with it."""
        waiting: deque[Future[Jets | DataError]] = deque()
        for block in blocks:
            waiting.append(self._threads.submit(self._one, block))
            if len(waiting) > self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _one(self, block: Block) -> Jets | DataError:
        try:
            return self._reader().read(block)
        except DataError as error:
            return error

    def _reader(self) -> BlockReader:
        if not hasattr(self._local, "reader"):
            self._local.reader = self.source.open(first=self.first)
            with self._lock:
                self._readers.append(self._local.reader)
        reader: BlockReader = self._local.reader
        return reader
