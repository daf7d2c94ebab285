"""Layouts that need more than column names: one file a format, and the assembly that all tables share."""
