#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/test.sh [--vllm VERSION] [pytest options...]: prepares .venv and runs pytest from the repository root; with --vllm
# those tests alone in which vLLM serves, unless a path is given, with another vLLM than the pinned one (vllm_env.sh).
# Everything but the tests marked slow, quality, clients, browser, nodes or corpus, unless -m says otherwise.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
python=$root/.venv/bin/python
suites=()
if [ "${1-}" = --vllm ]; then
    "$root/scripts/vllm_env.sh" "${2-}"
    python=$root/.venv/vllm-$2/bin/python
    suites=(models/demos/wormhole/bge_large_en/tests/vllm)
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
exec "$python" -m pytest "${marks[@]}" "${suites[@]}" "$@"
