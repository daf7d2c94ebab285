#!/usr/bin/env bash
# Installs jetlego with its developer tools into .venv and runs the tests.
# Usage: bash scripts/test.sh [pytest arguments]     for example: bash scripts/test.sh -m slow tests/clustering
arguments=("$@")
set --
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev
# Two processes share two cores: one thread each, or they fight.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MPLBACKEND=Agg
exec python -m pytest --numprocesses="${JETLEGO_TEST_PROCESSES:-2}" --dist=loadfile "${arguments[@]}"
