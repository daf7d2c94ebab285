"""Jets from Pythia 8 and a light detector, in the layout of JetClass: ``generate("top", num_jets=..., out=...)``."""

from jetlego.data.generate.processes import process_names
from jetlego.data.generate.run import generate

__all__ = ["generate", "process_names"]
