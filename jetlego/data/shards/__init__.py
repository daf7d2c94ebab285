"""Prepared shards: jets, inputs, figures of standardisation and histories in files that are mapped, not read.

``jetlego.data.shards.prepare.prepare(paths, folder)`` writes them, ``jetlego.Shards(folder)`` gives any range of jets
back at the speed of memory, and ``jetlego.read_jets`` takes the folder wherever it takes a path.
"""
