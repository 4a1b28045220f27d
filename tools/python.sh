#!/usr/bin/env bash
# `npm run test:python [-- PYTEST_ARGUMENTS]`: checks and tests the Python package in a virtual environment of its own,
# python/.venv, which it makes or brings up to date first. With `--only-setup` it does no more than that.
# PYTHON names another interpreter, 3.11 to 3.13.
set -euo pipefail
cd "$(dirname "$0")/../python"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
  echo "cannot use $("$python" --version): the tests need Python 3.11 to 3.13; name one in PYTHON" >&2
  exit 1
}

wanted=$(cat requirements-test.txt pyproject.toml; find . -maxdepth 1 -name setup.py -exec cat {} +; find native -type f -exec cat {} +)
stamp=.venv/gdpfs-installed
if [ "$(cat "$stamp" 2>/dev/null)" != "$(sha256sum <<<"$wanted")" ]; then
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  # To compile all that is installed takes as long as to install it, and most is never used.
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-test.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  sha256sum <<<"$wanted" >"$stamp"
fi
[ "${1-}" = --only-setup ] && exit

PATH=$PWD/.venv/bin:$PATH
export PATH
# TensorFlow says a lot at start that is no news.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL-2}
ruff format --quiet --check .
ruff check --quiet .
mypy
# The tests wait for servers and other processes as often as they compute.
python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal "$@"
