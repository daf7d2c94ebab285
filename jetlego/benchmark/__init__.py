"""Speed and accuracy side by side, in one run."""
