"""Losses; weights and masks enter each of them."""
