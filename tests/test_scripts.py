# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(ROOT.glob("scripts/**/*.sh")) + [ROOT / ".ci" / "run"]
PINS = sorted(ROOT.glob("scripts/requirements/*.txt"))


def run(*command, timeout=120, **kwargs):
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        **kwargs,
    )


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path):
    """The scripts in a repository of their own, at a path with a space."""
    root = tmp_path / "a tree"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copy(ROOT / "setup.py", root)
    return root


@pytest.fixture
def bare_path(tmp_path):
    """A directory for PATH with the usual commands and no Python, uv or pyenv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    commands = "awk bash cat cut df dirname env find flock getconf head mkdir nproc printf realpath rm sha256sum sort"
    for command in (*commands.split(), "tail", "timeout", "touch", "uname"):
        (folder / command).symlink_to(shutil.which(command))
    return folder


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_sound(script):
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "SPDX-License-Identifier" in "".join(lines[:4])
    assert "set -euo pipefail" in lines
    assert os.access(script, os.X_OK)
    checked = run("bash", "-n", script)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_requirements_are_exact_and_hashed_and_name_no_index(pins):
    text = re.sub(r"^#.*\n", "", pins.read_text(), flags=re.MULTILINE).replace(" \\\n", " ")
    for line in text.splitlines():
        marker = r'( ; python_version (<|>=) "3\.11")?'
        assert re.fullmatch(rf"[a-z0-9-]+==[\w.]+{marker}( +--hash=sha256:[0-9a-f]{{64}})+", line), line
    assert "://" not in pins.read_text()


def test_no_python(tree, bare_path, tmp_path):
    done = run(tree / "scripts" / "setup_env.sh", env={"PATH": str(bare_path), "HOME": str(tmp_path)})
    assert done.returncode != 0
    assert "no CPython 3.12 or 3.10" in done.stderr.splitlines()[-1]
    assert not (tree / ".venv" / ".setup" / "stamp").exists()


def test_python_without_ensurepip(tree, bare_path, tmp_path):
    executable(bare_path / "python3.12", "case $2 in *ensurepip*) exit 1 ;; *) exit 0 ;; esac")
    done = run(tree / "scripts" / "setup_env.sh", env={"PATH": str(bare_path), "HOME": str(tmp_path)})
    assert done.returncode != 0
    assert "python3.12' lacks ensurepip" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "command, output, message",
    [
        ("uname", "Linux aarch64", "'Linux aarch64'"),
        ("getconf", "glibc 2.31", "'glibc 2.31'"),
        ("df", "Filesystem blocks used free\nx 9 9 3000000", "3 GB free"),
    ],
)
def test_machine_that_will_not_do(tree, bare_path, tmp_path, command, output, message):
    (bare_path / command).unlink()
    executable(bare_path / command, f"echo '{output}'")
    done = run(tree / "scripts" / "setup_env.sh", env={"PATH": str(bare_path), "HOME": str(tmp_path)})
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr


def test_foreign_environment_is_left_alone(tree, bare_path, tmp_path):
    executable(tree / ".venv" / "bin" / "python", "exit 1")
    done = run(tree / "scripts" / "setup_env.sh", env={"PATH": str(bare_path), "HOME": str(tmp_path)})
    assert done.returncode != 0 and "move it away" in done.stderr
    assert (tree / ".venv" / "bin" / "python").exists()


FAKE_PYTHON = """
# Answers like CPython 3.12; makes a "venv" of itself and writes down what it is asked to install.
here=$(dirname -- "$0")
case "$*" in
    *cp%d%d*) echo cp312 ;;
    "-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo venv >>"$CALLS" ;;
    "-m uv --version") exit 1 ;;
    "-m pip wheel"*) mkdir -p "${@: -1}" && touch "${@: -1}/vllm-0.25.1-cp312-none-any.whl" && echo wheel >>"$CALLS" ;;
    "-m pip install"*) echo "$*" >>"$CALLS" && sleep 0.1 && [[ "$*" != *${FAIL:-no failure}* ]] ;;
esac
"""


@pytest.fixture
def fake(tree, bare_path, tmp_path):
    """Runs setup_env.sh with a Python that only writes down its calls; returns the outcome and the calls."""
    for command in ("cp", "mv", "rmdir", "sleep"):
        (bare_path / command).symlink_to(shutil.which(command))
    executable(bare_path / "python3.12", FAKE_PYTHON)
    calls = tmp_path / "calls"
    env = {"PATH": str(bare_path), "HOME": str(tmp_path), "CALLS": str(calls)}

    def setup(**extra):
        calls.write_text("")
        done = run(tree / "scripts" / "setup_env.sh", env={**env, **extra})
        return done, calls.read_text()

    setup.env = env
    return setup


def test_second_run_does_nothing(fake, tree):
    done, calls = fake()
    assert done.returncode == 0, done.stderr
    assert "venv" in calls and "torch.txt" in calls and "wheel" in calls
    done, calls = fake()
    assert (done.returncode, done.stderr, calls) == (0, "", "")


def test_changed_pins_are_installed_and_the_wheel_is_kept(fake, tree):
    assert fake()[0].returncode == 0
    with (tree / "scripts" / "requirements" / "data.txt").open("a") as pins:
        pins.write("one-more==1\n")
    done, calls = fake()
    assert done.returncode == 0 and "data.txt" in calls
    assert "venv\n" not in calls and "wheel\n" not in calls


def test_own_torch_replaces_the_one_with_cuda_and_is_remembered(fake, tree):
    done, calls = fake(BGE_TORCH="torch==2.13.0+cpu")
    assert done.returncode == 0 and "torch==2.13.0+cpu" in calls and "torch.txt" not in calls
    assert fake()[1] == ""
    assert "torch.txt" in fake(BGE_TORCH="")[1]


def test_fallback_for_the_weights(fake):
    done, calls = fake(FAIL="requirements/data.txt")
    assert done.returncode == 0 and "data-fallback.txt" in calls


def test_failure_shows_the_log_and_the_next_run_goes_on(fake):
    done, _ = fake(FAIL="environment.txt")
    assert done.returncode != 0 and "'pinned packages" in done.stderr.splitlines()[-1]
    done, calls = fake()
    assert done.returncode == 0 and "environment.txt" in calls and "venv\n" not in calls


def test_interrupted_set_up_starts_over(fake, tree):
    assert fake()[0].returncode == 0
    (tree / ".venv" / ".setup" / "stamp").unlink()
    (tree / ".venv" / ".setup" / "unfinished").touch()
    (tree / ".venv" / "half-a-package").touch()
    done, calls = fake()
    assert done.returncode == 0 and "venv\n" in calls and "wheel\n" not in calls
    assert not (tree / ".venv" / "half-a-package").exists()


def test_concurrent_set_ups_take_turns(fake, tree):
    script = tree / "scripts" / "setup_env.sh"
    Path(fake.env["CALLS"]).write_text("")
    both = [subprocess.Popen([str(script)], env=fake.env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert Path(fake.env["CALLS"]).read_text().splitlines().count("venv") == 1


RECORDER = """
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in
    *checkpoints*) [ "${CHOICE-}" ] && printf '%b\\n' "$CHOICE" ;;
    *emulated_wormhole*) echo "a target" ;;
    *) printf '%s\\n' "HF_HUB_OFFLINE=${HF_HUB_OFFLINE-}" "$@" ;;
esac
"""


@pytest.fixture
def recorded(tree, tmp_path):
    """Runs a script with a Python that writes down its calls, no set-up, and another current directory."""
    executable(tree / "scripts" / "setup_env.sh", "exit 0")
    executable(tree / ".venv" / "bin" / "python", RECORDER)

    def script(name, *arguments, choice=""):
        env = {"PATH": os.environ["PATH"], "CALLS": str(tmp_path / "calls"), "CHOICE": choice}
        done = run(tree / "scripts" / name, *arguments, env=env, cwd=tmp_path)
        return done, done.stdout.splitlines()

    return script


def test_serve_passes_model_and_options(recorded, tmp_path):
    folder = tmp_path / "the weights"
    folder.mkdir()
    done, lines = recorded("serve.sh", "x", "--port", "9", "--max-num-seqs", "4", choice=f"{folder}\\nname\\nfrom here")
    assert done.returncode == 0, done.stderr
    assert "x" in (tmp_path / "calls").read_text().splitlines()[0].split()
    assert [line.split(maxsplit=1)[1] for line in lines[:3]] == ["name", "from here", "a target"]
    assert "http://127.0.0.1:9/" in lines[3]
    server = lines[lines.index("vllm.entrypoints.openai.api_server") :]
    assert server[1:5] == ["--model", str(folder), "--served-model-name", "name"]
    assert server[-4:] == ["--port", "9", "--max-num-seqs", "4"], "the options given come last and win"
    assert "HF_HUB_OFFLINE=1" in lines


def test_serve_leaves_the_hub_on_for_a_name(recorded):
    done, lines = recorded("serve.sh", "--host=0.0.0.0", choice="org/model\\norg/model\\nhub")
    assert done.returncode == 0 and "HF_HUB_OFFLINE=" in lines
    assert "http://0.0.0.0:8000/" in done.stdout


@pytest.mark.parametrize(
    "given, model, address",
    [
        (["--ssl-keyfile", "k", "--ssl-certfile=c"], "name", "https://127.0.0.1:8000/v1/embeddings (ready when https:"),
        (["--uds", "/run/a socket"], "name", "/v1/embeddings on the socket /run/a socket ("),
        (["--served-model-name", "one", "two", "--port=9"], "one two", "http://127.0.0.1:9/"),
        (["--served_model_name", "one", "--shutdown_timeout", "5"], "one", "http://127.0.0.1:8000/"),
    ],
)
def test_serve_says_what_is_asked_for_and_gives_nothing_twice(recorded, given, model, address):
    done, lines = recorded("serve.sh", *given, choice="org/model\\nname\\nhub")
    assert done.returncode == 0 and lines[0] == f"model    {model}" and lines[3].startswith(f"address  {address}")
    names = [line.partition("=")[0].replace("_", "-") for line in lines if line.startswith("--")]
    assert len(names) == len(set(names)) and {"--host", "--port", "--shutdown-timeout"} <= set(names)


def test_serve_stops_when_the_model_cannot_be_had(recorded, tmp_path):
    done, lines = recorded("serve.sh", "no/such")
    assert done.returncode != 0 and lines == []
    assert "api_server" not in (tmp_path / "calls").read_text()


def test_serve_wants_the_model_first(recorded):
    done, _ = recorded("serve.sh", "--model", "x")
    assert done.returncode == 2 and "'--model'" in done.stderr


@pytest.mark.parametrize("given, marks", [([], True), (["-q"], True), (["-m", "slow"], False), (["-mslow"], False)])
def test_test_script_leaves_long_tests_out_unless_asked(recorded, given, marks):
    done, lines = recorded("test.sh", *given)
    assert done.returncode == 0, done.stderr
    marked = ["-m", "not (slow or quality or clients or browser or nodes or corpus)"] if marks else []
    assert lines[1:] == ["-m", "pytest", *marked, *given]


@pytest.mark.parametrize(
    "given, asked",
    [
        ([], ["models/demos/wormhole/bge_large_en/tests/vllm"]),
        (["-q", "scripts/web.py::test_it"], ["-q", "scripts/web.py::test_it"]),
    ],
)
def test_another_vllm_runs_the_serving_tests(recorded, tree, given, asked):
    executable(tree / "scripts" / "vllm_env.sh", 'echo "prepares $1"')
    executable(tree / ".venv" / "vllm-1.2" / "bin" / "python", RECORDER.replace("'%s\\n' \"HF", "'%s\\n' another \"HF"))
    (tree / "scripts" / "web.py").touch()
    done, lines = recorded("test.sh", "--vllm", "1.2", *given)
    assert done.returncode == 0, done.stderr
    assert lines[0] == "prepares 1.2" and lines[1] == "another"
    assert lines[3:5] == ["-m", "pytest"] and lines[-len(asked) :] == asked and lines.count(asked[-1]) == 1
    assert ("models/demos/wormhole/bge_large_en/tests/vllm" in lines) is (not given)


def test_a_vllm_without_pins_is_refused(recorded):
    done, _ = recorded("vllm_env.sh", "0.1")
    assert done.returncode == 1 and done.stderr == "vllm_env: no pins for vLLM '0.1'; there are some for: 0.33.0\n"


def test_a_backend_runs_its_tests(recorded, tree, tmp_path):
    executable(tree / "scripts" / "backend_env.sh", 'echo "prepares $1"')
    (checkout := tmp_path / "vllm-of-theirs").mkdir()
    executable(tree / ".venv" / "backend-vllm-of-theirs" / "bin" / "python", "printf '%s\\n' \"$@\"")
    done, lines = recorded("test.sh", "--backend", str(checkout), "-q")
    assert done.returncode == 0, done.stderr
    assert lines[0] == f"prepares {checkout}" and "models.emulated_wormhole.pytest_plugin" in lines
    assert lines[-2:] == ["models/demos/wormhole/bge_large_en/tests/vllm/backends", "-q"]


@pytest.mark.parametrize("given, why", [("nowhere", "no folder"), (".", "is a checkout of neither")])
def test_what_is_no_backend_is_refused(recorded, tmp_path, given, why):
    done, _ = recorded("backend_env.sh", str(tmp_path / given))
    assert done.returncode == 1 and why in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name, code", [([], 0), (["no-such-organisation/no-such-model"], 1)])
def test_model_choice_offline(tmp_path, name, code):
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    module = "models.demos.wormhole.bge_large_en.demo.checkpoints"
    done = run(sys.executable, "-m", module, *name, env=env, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    if name:
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and name[0] in done.stderr
    else:
        folder, served, weights = done.stdout.splitlines()
        assert (Path(folder) / "config.json").is_file()
        assert served == "sentence-transformers/all-MiniLM-L6-v2" and "BAAI/bge-large-en-v1.5" in weights
