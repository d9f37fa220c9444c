#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/test.sh [--vllm VERSION | --backend CHECKOUT] [pytest options...]: prepares .venv and runs pytest from the
# repository root; with --vllm those tests alone in which vLLM serves, unless a path is given, with another vLLM than the
# pinned one (vllm_env.sh); with --backend those of Tenstorrent's own code, with a checkout of it (backend_env.sh).
# Everything but the tests marked slow, quality, clients, browser, nodes or corpus, unless -m says otherwise.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
python=$root/.venv/bin/python
suites=() plugins=()
if [ "${1-}" = --vllm ]; then
    "$root/scripts/vllm_env.sh" "${2-}"
    python=$root/.venv/vllm-$2/bin/python
    suites=(models/demos/wormhole/bge_large_en/tests/vllm)
    shift 2
elif [ "${1-}" = --backend ]; then
    "$root/scripts/backend_env.sh" "${2-}"
    python=$root/.venv/backend-$(basename "$(realpath -- "$2")")/bin/python
    suites=(models/demos/wormhole/bge_large_en/tests/vllm/backends)
    plugins=(-p models.emulated_wormhole.pytest_plugin)  # before vllm-tt-plugin imports ttnn
    shift 2
else
    "$root/scripts/setup_env.sh"
fi
cd -- "$root"

marks=(-m "not (slow or quality or clients or browser or nodes or corpus)")
for option in "$@"; do
    case $option in -m*) marks=() ;; esac
    [ ! -e "${option%%::*}" ] || suites=()
done
exec "$python" -m pytest "${plugins[@]}" "${marks[@]}" "${suites[@]}" "$@"
