"""Tasks, the loop, checkpoints: from a configuration to a run folder."""
