#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/web_demo.sh [options]: prepares .venv/web, an environment of the page's own, and shows the page on
# http://127.0.0.1:8501 for the server on http://127.0.0.1:8000; --help lists the options.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
web=$root/.venv/web
pins=$root/scripts/requirements/web.txt
if ! cmp -s "$pins" "$web/web.txt"; then
    "$root/scripts/setup_env.sh"
    python=$root/.venv/bin/python
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' ||
        { echo "web_demo: the pins of the page are for CPython 3.12, and .venv has another" >&2 && exit 1; }
    echo "web_demo: preparing $web" >&2
    "$python" -m uv venv -q --clear -p "$python" "$web"
    "$python" -m uv pip install -q --python "$web/bin/python" --require-hashes -r "$pins"
    cp "$pins" "$web/web.txt"
fi
# A folder called models in the current directory must not be imported in place of ours.
export PYTHONSAFEPATH=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec "$web/bin/python" -m models.demos.wormhole.bge_large_en.demo.web_demo "$@"
