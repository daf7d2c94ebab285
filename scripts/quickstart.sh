#!/usr/bin/env bash
# From nothing to a tagger's report: installs into .venv, then trains a recursive network on the embedded jets.
# Usage: bash scripts/quickstart.sh [dotted.key=value ...]
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" bench
exec jetlego train configs/quickstart.yaml "$@"
