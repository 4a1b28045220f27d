#!/usr/bin/env bash
# `npm run test:python [-- PYTEST_ARGUMENTS]`: checks and tests the Python package in a virtual environment of its own,
# python/.venv, which it makes or brings up to date first. With `--only-setup` it does no more than that.
# PYTHON names another interpreter, 3.11 to 3.13. The tests with PyTorch also run in that environment if it is there;
# else in a second one, python/.venv-torch, over an interpreter of the system that has PyTorch (Debian: python3-torch), if
# there is one. TORCH_PYTHON names another.
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

# What the tests start is the program that users get, as with `npm test`: it starts sooner than the source.
if [ -z "${GDPFS_TEST_PROGRAM-}" ]; then
  bundle=$(cd .. && pwd)/dist/test-python-$$
  trap 'rm -rf "$bundle"' EXIT
  PATH=$PWD/../node_modules/.bin:$PATH node -e \
    'import(process.argv[1]).then(({ bundleProgram }) => bundleProgram(process.argv[2]))' \
    "$PWD/../tools/bundle.ts" "$bundle"
  export GDPFS_TEST_PROGRAM=$bundle/main.cjs
fi
# The tests wait for servers and other processes as often as they compute.
python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal "$@"

# PyTorch. A run of chosen tests chooses for itself.
[ $# -gt 0 ] || .venv/bin/python -c 'import torch' 2>/dev/null && exit
torch=${TORCH_PYTHON:-/usr/bin/python3}
if ! "$torch" -c 'import torch' 2>/dev/null; then
  echo "PyTorch was not tested: neither python/.venv nor $torch can import it"
  exit
fi
if ! .venv-torch/bin/python -c 'import fsspec, pytest, torch, webdataset' 2>/dev/null; then
  "$torch" -m venv --system-site-packages .venv-torch
  grep -E '^(fsspec|pytest|webdataset)=' requirements-test.txt |
    .venv-torch/bin/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin
  # The package as it is, with what the editable installation says of it.
  echo "$PWD/src" >"$(.venv-torch/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gdpfs.pth"
fi
.venv-torch/bin/python -m pytest --quiet tests/test_pytorch.py tests/test_examples.py -k 'test_pytorch or pytorch'
