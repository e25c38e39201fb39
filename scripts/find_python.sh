#!/usr/bin/env bash
# Prints the first Python of 3.11 or later that can make a virtual environment, or says what to install.
set -euo pipefail

for candidate in ${PYTHON:-python3.12 python3.11 python3.13 python3.14 python3}; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo "$path"
        exit 0
    fi
done

echo "limelight: no Python 3.11 or later with venv found${PYTHON:+ as PYTHON=$PYTHON}; install it:" >&2
echo "  Debian, Ubuntu:  sudo apt-get install python3 python3-venv" >&2
echo "  Fedora:          sudo dnf install python3" >&2
echo "  macOS:           brew install python@3.12" >&2
exit 1
