"""One figure a file: a function of plain arrays that returns a matplotlib ``Figure``; also for notebooks."""
