"""Plots, tables and the self-contained HTML page."""
