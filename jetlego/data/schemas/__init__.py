"""Layouts of jet files as data: one YAML file a layout, and the model that every such file obeys."""
