#!/usr/bin/env bash
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0
#
# Pins environment.in afresh: writes environment.txt and torch.txt (CPython 3.10 and 3.12, x86-64 Linux) and check.txt, and brings the
# other .txt files up to date. setup_env.sh installs nothing whose hash is not in one of them.
# Needs an environment made by scripts/setup_env.sh, whose uv and whose vLLM wheel it reads, and the wheels of the other
# vLLMs, made by scripts/vllm_env.sh.
# Pins that still satisfy everything are kept; delete a line of the .txt files to have it resolved anew.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
venv=$here/../../.venv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Under a name that fits both Pythons: the wheel holds no compiled code.
for wheel in "$venv"/.setup/wheels/vllm-*.whl; do
    name=${wheel##*/}
    name=${name%%-cp3*}-py3-none-any.whl
    cp "$wheel" "$work/$name"
    echo "vllm @ file://$work/$name" >"$work/vllm.in"
done

cat >"$work/pyproject.toml" <<'TOML'
[tool.uv]
environments = [
    "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython' and python_version == '3.10'",
    "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython' and python_version == '3.12'",
]
TOML

cd "$work"
cat "$here"/environment.txt "$here"/torch.txt >pins.txt 2>/dev/null || true
# vLLM asks for an opencv that needs numpy 2, ttnn for numpy below 2: vLLM's image code is not used here.
echo "opencv-python-headless==4.11.0.86" >override.txt
# torch asks for them, and nothing loads them where there is no CUDA: 900 MB.
unused=(triton nvidia-cusolver nvidia-nvtx cuda-bindings cuda-pathfinder cuda-toolkit)
"$venv/bin/python" -m uv pip compile -q --universal --python-version 3.10 --override override.txt \
    --no-emit-package vllm "${unused[@]/#/--no-emit-package=}" --generate-hashes --no-annotate --no-header "$here/environment.in" vllm.in -o pins.txt

# Every package carries the two supported environments as markers: keep only what tells them apart.
sed -E -i \
    -e "s/ ; \(python_full_version < '3\.11' or python_full_version == '3\.12\.\*'\) and [^\\\\]*/ /" \
    -e "s/ ; python_full_version < '3\.11' and [^\\\\]*/ ; python_version < \"3.11\" /" \
    -e "s/ ; python_full_version == '3\.12\.\*' and [^\\\\]*/ ; python_version >= \"3.11\" /" pins.txt
echo "# Written by lock.sh: torch and the CUDA libraries without which it is not imported (left out when BGE_TORCH is set)." >torch.txt
echo "# Written by lock.sh from environment.in: everything but torch and vLLM." >environment.txt
awk '/^[a-z]/ { cuda = /^(torch==|nvidia-)/ } { print >> (cuda ? "torch.txt" : "environment.txt") }' pins.txt

# Of the same versions, for CPython 3.12 alone.
echo "# Written by lock.sh from check.in." >check.txt
"$venv/bin/python" -m uv pip compile -q --generate-hashes --python-version 3.12 --python-platform \
    x86_64-manylinux_2_34 --no-annotate --no-header -c environment.txt -c torch.txt "$here/check.in" >>check.txt

# These name what they want themselves.
for name in uv vllm data data-fallback; do
    grep '^#' "$here/$name.txt" >"$name.txt"
    "$venv/bin/python" -m uv pip compile -q --no-deps --generate-hashes --python-version 3.12 --no-annotate --no-header \
        "$here/$name.txt" >>"$name.txt"
done
# Of environments of their own, whose pins are those of their packages.
for name in clients nodes web; do
    grep '^#' "$here/$name.txt" >"$name.txt"
    "$venv/bin/python" -m uv pip compile -q --generate-hashes --python-version 3.12 --no-annotate --no-header \
        "$here/$name.in" >>"$name.txt"
done
# Beside the main environment: what that has is left out.
"$venv/bin/python" -m uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-annotate --no-header \
    -c environment.txt "$here/corpus.in" -o all.txt
echo "# Written by lock.sh from corpus.in: what environment.txt does not have." >corpus.txt
awk '/^[a-z]/ { split($1, name, "=="); left = name[1] in has } NR == FNR { has[name[1]]; next } !left' \
    environment.txt all.txt | sed -E "s/ ; [^\\\\]*/ /" >>corpus.txt
# Other vLLMs, for CPython 3.12 alone: what they want in other versions than the main environment has.
awk '/^[a-z]/ && !/python_version </ { print $1 }' environment.txt torch.txt >have.txt
others=()
for pins in "$here"/vllm-*.txt; do
    name=$(basename "$pins" .txt)
    others+=("$name")
    cp "$venv/.setup/$name/$name"-*.whl "$work/$name-py3-none-any.whl"
    { grep -E '^(torch|ttnn|numpy)' "$here/environment.in" && echo "vllm @ file://$work/$name-py3-none-any.whl"; } >other.in
    cp have.txt other.txt
    "$venv/bin/python" -m uv pip compile -q --python-version 3.12 --override override.txt --no-annotate --no-header \
        --no-emit-package vllm "${unused[@]/#/--no-emit-package=}" other.in -o other.txt
    { grep -E '^[a-z]' other.txt | grep -vxFf have.txt && cat "$here/$name.in"; } >other.in
    grep '^#' "$pins" >"$name.txt"
    "$venv/bin/python" -m uv pip compile -q --no-deps --generate-hashes --python-version 3.12 --no-annotate --no-header \
        other.in >>"$name.txt"
done
# Tenstorrent's backends, for CPython 3.12 alone too, whose vLLM is of a checkout.
cp have.txt other.txt
"$venv/bin/python" -m uv pip compile -q --python-version 3.12 --no-annotate --no-header "$here/fork.in" -o other.txt
grep -E '^[a-z]' other.txt | grep -vxFf have.txt >other.in
echo "# Written by lock.sh from fork.in: what Tenstorrent's vLLM backends want in other versions than environment.txt has." >fork.txt
"$venv/bin/python" -m uv pip compile -q --no-deps --generate-hashes --python-version 3.12 --no-annotate --no-header \
    other.in >>fork.txt
for name in "${others[@]}" fork corpus clients nodes web uv vllm data data-fallback torch environment check; do
    mv "$name.txt" "$here/"
done
