"""Named assemblies of bricks: what a `JetBatch` goes through to become logits."""
