#!/usr/bin/env bash
# Sourced by quickstart.sh and test.sh: makes .venv beside this folder, with the pinned versions, and puts it first on the PATH.
# Usage: source scripts/environment.sh [EXTRA]      EXTRA: a group of setup.cfg such as dev
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
extra="${1:-}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "jetlego needs Python 3.11 or newer; set PYTHON to one, for example PYTHON=python3.12 bash $0" >&2
    exit 4
fi

# The stamp makes a second call instant and a changed pin or requirement reinstall.
wanted="$(cat "$root/setup.cfg" "$root/scripts/constraints.txt" | cksum) $extra"
stamp="$root/.venv/.installed${extra:+-$extra}"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    [ -x "$root/.venv/bin/python" ] || "$python" -m venv "$root/.venv"
    echo "Installing jetlego${extra:+ with its $extra tools} into .venv (pinned versions; a few minutes the first time) ..."
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/scripts/constraints.txt" --editable "$root${extra:+[$extra]}"
    echo "$wanted" > "$stamp"
fi
export PATH="$root/.venv/bin:$PATH"
cd "$root"
