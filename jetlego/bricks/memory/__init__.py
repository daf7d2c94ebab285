"""Neural computers: a controller that reads from and writes to a memory of its own."""
