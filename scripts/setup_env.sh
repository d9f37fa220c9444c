#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# Makes .venv at the repository root, or brings it up to date; serve.sh and test.sh call it.
# It needs x86-64 Linux with glibc 2.34, CPython 3.12 or 3.10, about 8 GB of disk and a Python package registry.
#
#   BGE_TORCH  a requirement, wheel file or URL of a CPU-only torch 2.13.0, installed in place of the torch of the
#              package registry, whose CUDA libraries (several GB) are then left out. Remembered in .venv;
#              set it to the empty string to go back.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
python=$venv/bin/python
state=$venv/.setup
log=$state/log
unfinished=$state/unfinished
pins=$root/scripts/requirements
vllm=$(awk -F '[= ]+' '$1 == "vllm" { print $2 }' "$pins/vllm.txt")

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

check_machine() {
    local system libc free needed=8
    system=$(uname -sm)
    [ "$system" = "Linux x86_64" ] || die "ttnn runs on x86-64 Linux only, this machine is '$system'"
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || die "no glibc on this machine, ttnn needs 2.34 or newer"
    printf 'glibc 2.34\n%s\n' "$libc" | sort -V -C || die "ttnn needs glibc 2.34 or newer, this machine has '$libc'"
    command -v flock >/dev/null || die "the command 'flock' is missing: install util-linux"
    [ -z "$torch" ] || needed=4
    free=$(df -Pk "$root" | awk 'NR == 2 { print int($4 / 1000000) }')
    [ -e "$python" ] || [ "$free" -ge "$needed" ] || die "$root has $free GB free, .venv needs about $needed GB"
}

# usable PYTHON VERSION...: is it CPython of one of these versions? pyenv leaves commands on PATH that only fail.
usable() {
    "$1" -c 'import platform, sys; sys.exit(
        platform.python_implementation() != "CPython" or "%d.%d" % sys.version_info[:2] not in sys.argv[1:])' \
        "${@:2}" >/dev/null 2>&1
}

# Prints the Python to make .venv with; asks uv to fetch one only when the machine has none.
find_python() {
    local version candidate without=
    for version in 3.12 3.10; do
        for candidate in "python$version" python3 python \
            "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python \
            "$(uv python find --no-python-downloads "$version" 2>/dev/null || true)"; do
            usable "$candidate" "$version" || continue
            "$candidate" -c 'import ensurepip, ssl, venv' 2>/dev/null && echo "$candidate" && return
            without=$candidate
        done
    done
    if command -v uv >/dev/null && timeout 600 uv python install 3.12 >&2; then
        uv python find 3.12 && return
    fi
    [ -z "$without" ] ||
        die "'$without' lacks ensurepip or ssl (Debian and Ubuntu: apt install python3.12-venv or python3.10-venv)"
    die "no CPython 3.12 or 3.10 on PATH, in pyenv or in uv: install it ('pyenv install 3.12', 'uv python install')"
}

# step TITLE COMMAND...: runs it into the log and prints one line with its seconds, or the end of the log.
steps=0
step() {
    local title=$1 began=$SECONDS code=0
    steps=$((steps + 1))
    printf '[%d/6] %s ... ' "$steps" "$title" >&2
    printf '\n[%d/6] %s\n' "$steps" "$title" >>"$log"
    touch "$unfinished"
    "${@:2}" </dev/null >>"$log" 2>&1 || code=$?
    # A command that fails leaves .venv whole; one that is killed may leave half a package.
    [ "$code" -ge 128 ] || rm -f "$unfinished"
    if [ "$code" -ne 0 ]; then
        printf 'failed\n' >&2
        tail -n 25 "$log" >&2
        die "'$title' failed with code $code; the whole log: $log"
    fi
    printf '%d s\n' "$((SECONDS - began))" >&2
}

# The pins are all that is loaded, so nothing is resolved, and plain pip does the same more slowly where uv is missing.
install() {
    if "$python" -m uv --version >/dev/null 2>&1; then
        "$python" -m uv pip install --python "$python" --no-deps "$@"
    else
        "$python" -m pip install --no-deps "$@"
    fi
}

make_venv() {
    "$base" -m venv "$venv" &&
        { "$python" -m pip install --require-hashes -r "$pins/uv.txt" || echo "no uv: pip goes on without it"; }
}

# Nothing comes from the registry unless its hash is in the pins.
install_pins() {
    if [ -n "$torch" ]; then
        install --require-hashes -r "$pins/environment.txt" && install "$torch"
    else
        install --require-hashes -r "$pins/environment.txt" -r "$pins/torch.txt"
    fi
}

# vLLM publishes wheels for CUDA only. pip's cache is passed by: it may hold a build for another device.
build_vllm() {
    local built=$state/building
    wheel=$(find "$state/wheels" -name "vllm-$vllm-$tag-*.whl" | head -n 1)
    [ -z "$wheel" ] || return 0
    rm -rf "$built"
    VLLM_TARGET_DEVICE=empty VLLM_VERSION_OVERRIDE=$vllm PATH=$venv/bin:$PATH "$python" -m pip wheel \
        --no-cache-dir --no-deps --no-build-isolation --no-binary vllm --require-hashes -r "$pins/vllm.txt" \
        -w "$built" &&
        mv "$built"/vllm-*.whl "$state/wheels/" && rmdir "$built" && wheel=$(echo "$state/wheels/vllm-$vllm-$tag"-*.whl)
}

install_data() {
    install --require-hashes -r "$pins/data.txt" || install --require-hashes -r "$pins/data-fallback.txt"
}

install_repository() {
    install "$wheel" && install --no-build-isolation -e "$root"
}

# Without bytecode each start takes a minute longer. Importing what a server imports writes a third of what compileall
# would, and fails here, not in a server, when the environment does not fit together.
compile_bytecode() {
    wait "$libraries" || true  # what fails there fails here
    import_all vllm.entrypoints.openai.api_server vllm.v1.engine.async_llm vllm.v1.engine.core \
        vllm.v1.worker.worker_base transformers.models.bert.modeling_bert pytest scipy.stats ttnn
}

import_all() {
    (cd "$state" && VLLM_PLUGINS='' HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE='' "$python" -c '
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)' "$@")
}

wanted_stamp() {
    { printf '%s\n' "$root" "$torch" && cat "$pins"/*.txt "$root"/setup.py "$root"/scripts/setup_env.sh; } | sha256sum
}

is_ready() {
    [ -x "$python" ] && [ -f "$state/stamp" ] && [ "$(<"$state/stamp")" = "$stamp" ]
}

torch=${BGE_TORCH-$(cat "$state/torch" 2>/dev/null || true)}
[ ! -f "$torch" ] || torch=$(realpath -- "$torch")
stamp=$(wanted_stamp)
! is_ready || exit 0

check_machine
[ -d "$state" ] || [ ! -e "$venv" ] || usable "$python" 3.12 3.10 ||
    die "$venv is there already and is no CPython 3.12 or 3.10: move it away"
mkdir -p "$state/wheels"
exec 9>"$state/lock"
if ! flock -n 9; then
    echo "setup: waiting for another set-up of $venv" >&2
    flock 9
    ! is_ready || exit 0
fi

echo "setup: preparing $venv (the first time takes some minutes; log: $log)" >&2
: >"$log"
rm -f "$state/stamp"
trap 'exit 130' INT
if [ -e "$unfinished" ] || ! usable "$python" 3.12 3.10; then
    # Cut short, or its Python is gone: all but the wheels, the log and the lock is made again.
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .setup -exec rm -rf {} +
    base=$(find_python)
else
    base=$python
fi
tag=$("$base" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')

if [ "$base" = "$python" ]; then
    step "Python environment is there" true
else
    step "Python environment with $("$base" --version 2>&1)" make_venv
fi
step "pinned packages (up to 2.5 GB to download)" install_pins
# Those of others meanwhile.
import_all torch._inductor.lowering torch._inductor.standalone_compile scipy.stats ttnn fastapi openai pytest \
    transformers.processing_utils transformers.models.auto.image_processing_auto </dev/null >>"$log" 2>&1 &
libraries=$!
step "vLLM $vllm built for no accelerator" build_vllm
step "weights and labelled data" install_data
step "vLLM and this repository" install_repository
step "bytecode of what a server imports" compile_bytecode
printf '%s\n' "$torch" >"$state/torch"
echo "$stamp" >"$state/stamp"
echo "setup: done in $SECONDS s" >&2
