"""``python -m jetlego.cli``, the same as ``jetlego``."""

from jetlego.cli import main

if __name__ == "__main__":
    main()
