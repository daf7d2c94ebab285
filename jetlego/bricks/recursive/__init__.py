"""Recursive networks: cells that merge the states of two children, and the walks that apply them to whole batches."""
