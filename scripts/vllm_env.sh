#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/vllm_env.sh VERSION: prepares .venv and beside it, in .venv/vllm-VERSION, another vLLM than the pinned one, also
# built for no accelerator, with the packages that it wants in other versions; all others are those of .venv.
# requirements/vllm-VERSION.txt holds its pins; test.sh --vllm VERSION runs the tests with it.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
version=${1-}
pins=$root/scripts/requirements/vllm-$version.txt
folder=$root/.venv/vllm-$version
wheels=$root/.venv/.setup/vllm-$version

die() {
    printf 'vllm_env: %s\n' "$*" >&2
    exit 1
}

if [ ! -f "$pins" ]; then
    known=$(cd -- "$root/scripts/requirements" && printf '%s\n' vllm-*.txt | sed -E 's/^vllm-(.*)\.txt$/\1/' | xargs)
    die "no pins for vLLM '$version'; there are some for: $known"
fi
"$root/scripts/setup_env.sh"
! cmp -s "$pins" "$folder/pins.txt" || exit 0

python=$root/.venv/bin/python
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' ||
    die "vLLM $version needs CPython 3.11, its pins are for 3.12, and .venv has an older one"
exec 9>"$root/.venv/.setup/lock"
flock 9
echo "vllm_env: preparing $folder" >&2
if ! cmp -s "$pins" "$wheels/pins.txt"; then
    rm -rf "$wheels"
    # As setup_env.sh builds the pinned one; the wheels of the other packages come along.
    VLLM_TARGET_DEVICE=empty VLLM_VERSION_OVERRIDE=$version PATH=$root/.venv/bin:$PATH "$python" -m pip wheel -q \
        --no-cache-dir --no-deps --no-build-isolation --no-binary vllm --require-hashes -r "$pins" -w "$wheels"
    cp "$pins" "$wheels/pins.txt"
fi
rm -rf "$folder"
"$python" -m venv --without-pip "$folder"
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "import site; site.addsitedir('$site')" >"$(echo "$folder"/lib/python3.*/site-packages)/beside.pth"
"$python" -m uv pip install -q --python "$folder/bin/python" --no-deps "$wheels"/*.whl
# It fails here, not in a server, when the two do not fit together; and without bytecode each start takes a minute longer.
(cd "$folder" && VLLM_PLUGINS='' HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE='' bin/python -W ignore -c "
import vllm, vllm.entrypoints.openai.api_server, vllm.v1.engine.async_llm, vllm.v1.engine.core, vllm.v1.worker.worker_base
import transformers.models.bert.modeling_bert
assert vllm.__version__ == '$version', vllm.__version__")
cp "$pins" "$folder/pins.txt"
