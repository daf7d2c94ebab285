"""From a clustering history to what a network walks: forests, plans, graphs, batches."""

import jetlego.structures.content_features  # noqa: F401  registers its node features
