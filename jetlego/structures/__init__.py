"""From a clustering history to what a network walks: forests, plans, graphs, batches."""

import jetlego.structures.content_features
import jetlego.structures.momentum_features  # noqa: F401  both register node features
