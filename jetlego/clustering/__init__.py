"""Sequential recombination with full history: numba kernels, and the same call through FastJet."""
