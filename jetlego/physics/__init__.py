"""Formulas of jet physics, one concept a file; numpy in, numpy out."""
