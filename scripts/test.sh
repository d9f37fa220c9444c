#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/test.sh [pytest options...]: prepares .venv and runs pytest from the repository root.
# Everything but the tests marked slow, quality, clients, browser, nodes or corpus, unless -m says otherwise.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
"$root/scripts/setup_env.sh"
cd -- "$root"

marks=(-m "not (slow or quality or clients or browser or nodes or corpus)")
for option in "$@"; do
    case $option in -m*) marks=() ;; esac
done
exec "$root/.venv/bin/python" -m pytest "${marks[@]}" "$@"
