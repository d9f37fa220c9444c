#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/check_env.sh DIR: makes DIR/bin/python, the interpreter of export_patches.py --check: the pins of check.txt and
# nothing else, this repository least of all. It needs a .venv of CPython 3.12 and a package registry; about 5 GB, most of it CUDA.
set -euo pipefail

dir=${1:?"name the folder to make the environment in"}
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
[ ! -e "$dir" ] || { echo "check_env: $dir is there already" >&2 && exit 1; }
"$root/scripts/setup_env.sh"
"$root/.venv/bin/python" -m venv --without-pip "$dir"
"$root/.venv/bin/python" -m uv pip install -q --python "$dir/bin/python" --no-deps --require-hashes \
    -r "$root/scripts/requirements/check.txt"
echo "$dir/bin/python"
