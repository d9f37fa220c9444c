#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/backend_env.sh CHECKOUT: prepares .venv and beside it, in .venv/backend-NAME-OF-THE-FOLDER, one of Tenstorrent's
# vLLM backends: their fork of vLLM, built for no accelerator, with the plugin that it carries, or vllm-tt-plugin with the
# pinned vLLM. A platform that is the fork's own is taught our models there (integrate_vllm.py); the checkout stays as it
# is. requirements/fork.txt has what they want in other versions than .venv; test.sh --backend CHECKOUT runs their tests.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
pins=$root/scripts/requirements/fork.txt
python=$root/.venv/bin/python

die() {
    printf 'backend_env: %s\n' "$*" >&2
    exit 1
}

checkout=$(cd -- "${1-}" 2>/dev/null && pwd -P) || die "no folder '${1-}'"
fork= plugin=
[ ! -f "$checkout/vllm/__init__.py" ] || fork=$checkout
for folder in "$checkout" "$checkout/plugins/vllm-tt-plugin"; do
    [ ! -d "$folder/src/vllm_tt_plugin" ] || plugin=$folder
done
[ -n "$fork$plugin" ] || die "$checkout is a checkout of neither tenstorrent/vllm nor vllm-tt-plugin"

"$root/scripts/setup_env.sh"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' || die "the pins are for CPython 3.12, and .venv has an older one"
folder=$root/.venv/backend-$(basename "$checkout")
sources=$(cd "$checkout" && find . -name '*.py' -not -path './.*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
stamp=$(echo "$sources" | cat - "$pins" "$root"/scripts/platform_edits.py "$root"/.venv/.setup/stamp | sha256sum)
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

exec 9>"$root/.venv/.setup/lock"
flock 9
echo "backend_env: preparing $folder" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$folder"
"$python" -m venv --without-pip "$folder"
site=$(echo "$folder"/lib/python3.*/site-packages)
echo "import site; site.addsitedir('$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" >"$site/beside.pth"

install() {
    "$python" -m uv pip install -q --python "$folder/bin/python" --no-deps "$@"
}

# A build writes into the folder that it builds, and asks git for a version that a copy does not have.
build() {
    mkdir "$work/$1"
    (cd "$2" && tar -c --exclude=./.git --exclude=./.venv .) | tar -x -C "$work/$1"
    SETUPTOOLS_SCM_PRETEND_VERSION=0+fork VLLM_VERSION_OVERRIDE=0+fork VLLM_TARGET_DEVICE=empty PATH=$root/.venv/bin:$PATH \
        "$python" -m pip wheel -q --no-cache-dir --no-deps --no-build-isolation "$work/$1" -w "$work/wheels"
}

[ -z "$fork" ] || install --require-hashes -r "$pins"
[ -z "$plugin" ] || install --require-hashes -r <(awk '/^[a-z]/ { kept = /^tblib==/ } kept' "$pins")
[ -z "$fork" ] || build vllm "$fork"
[ -z "$plugin" ] || build plugin "$plugin"
install "$work"/wheels/*.whl
[ -n "$plugin" ] || "$python" "$root/scripts/integrate_vllm.py" --vllm "$site" --apply >/dev/null
# Without bytecode each start takes a minute longer, and what does not fit together fails here, not in a server.
(cd "$folder" && VLLM_PLUGINS='' HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE='' bin/python -W ignore -c "
import vllm, vllm.entrypoints.openai.api_server, vllm.v1.engine.async_llm, vllm.v1.engine.core" >/dev/null)
echo "$stamp" >"$folder/stamp"
