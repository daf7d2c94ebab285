"""From a clustering history to what a network walks: forests, plans, graphs, batches."""
