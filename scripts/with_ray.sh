#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/with_ray.sh COMMAND [arguments...]: prepares .venv and, in a folder of its own, Ray; runs COMMAND with both.
#     scripts/with_ray.sh python -m models.demos.wormhole.bge_large_en.demo.embed_corpus --help
#     scripts/with_ray.sh ray start --head
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
[ $# -gt 0 ] || { echo "with_ray: name a command" >&2; exit 2; }
"$root/scripts/setup_env.sh"
python=$root/.venv/bin/python
pins=$root/scripts/requirements/corpus.txt
folder=$root/.venv/.setup/ray-$(sha256sum "$pins" | cut -c1-16)

if [ ! -d "$folder" ]; then
    echo "with_ray: installing Ray" >&2
    exec 9>"$root/.venv/.setup/ray-lock"
    flock 9
    if [ ! -d "$folder" ]; then
        rm -rf "$folder.new"
        if "$python" -m uv --version >/dev/null 2>&1; then
            "$python" -m uv pip install -q --python "$python" --no-deps --require-hashes --target "$folder.new" -r "$pins"
        else
            "$python" -m pip install -q --no-deps --require-hashes --target "$folder.new" -r "$pins"
        fi
        mv "$folder.new" "$folder"
        # Or each process of a job compiles what it imports: 2 s of a CPU.
        PYTHONDONTWRITEBYTECODE='' PYTHONPATH=$folder "$python" -c 'import ray.data'
    fi
    exec 9>&-
fi
export PYTHONPATH=$folder${PYTHONPATH:+:$PYTHONPATH} PATH=$folder/bin:$root/.venv/bin:$PATH
exec "$@"
