# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""scripts/integrate_vllm.py on look-alikes of the platforms it changes: which files it writes, and how."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en import vllm_plugin
from models.demos.wormhole.bge_large_en.tests.vllm.lookalikes import FORMS, LISTED, PLUGIN, write

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "integrate_vllm.py"


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back(tool, tmp_path, capsys, form):
    file = write(tmp_path, form)
    file.chmod(0o640)
    original = file.read_bytes()

    def run(action: str) -> tuple[int, str]:
        return tool.main(["--vllm", str(tmp_path), f"--{action}"]), capsys.readouterr().out

    assert run("check")[0] == 1
    status, diff = run("diff")
    assert status == 0 and file.read_bytes() == original
    assert run("apply") == (0, diff)
    applied = file.read_bytes()
    assert applied != original and file.stat().st_mode & 0o777 == 0o640
    assert run("check")[0] == 0
    assert run("diff") == (0, "")
    assert run("apply") == (0, "") and file.read_bytes() == applied
    assert run("revert")[0] == 0 and file.read_bytes() == original
    assert run("revert") == (0, "") and file.read_bytes() == original
    assert run("check")[0] == 1
    assert list(file.parent.iterdir()) == [file]


def test_line_ends_stay_as_they_are(tool, tmp_path):
    text = PLUGIN.replace("\n", "\r\n")
    file = write(tmp_path, "plugin", text)
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")
    assert tool.main(["--vllm", str(tmp_path), "--revert"]) == 0
    assert file.read_bytes() == text.encode()


@pytest.mark.parametrize("call", ["write", "fsync", "copymode", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_cut_short_while_writing_the_file_is_as_it_was(tool, tmp_path, monkeypatch, capsys, call, error):
    file = write(tmp_path, "plugin")
    before = file.read_bytes()

    def fail(*args, **kwargs):
        raise error

    if call == "write":  # half of the new text is out
        named = tool.tempfile.NamedTemporaryFile

        def half(*args, **kwargs):
            part = named(*args, **kwargs)
            write_all = part.file.write
            part.write = lambda data: (write_all(data[: len(data) // 2]), fail())
            return part

        monkeypatch.setattr(tool.tempfile, "NamedTemporaryFile", half)
    else:
        monkeypatch.setattr(tool.shutil if call == "copymode" else tool.os, call, fail)
    if isinstance(error, OSError):
        assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 2
        assert "disk full" in capsys.readouterr().err
    else:
        with pytest.raises(KeyboardInterrupt):
            tool.main(["--vllm", str(tmp_path), "--apply"])
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "below",
    [
        "vllm/platforms/tt.py",
        "platforms/tt.py",
        "src/vllm_tt_plugin/platform.py",
        "vllm_tt_plugin/platform.py",
        "platform.py",
        "plugins/vllm-tt-plugin/src/vllm_tt_plugin/platform.py",
    ],
)
def test_checkouts_and_installed_packages_are_found(tool, tmp_path, below):
    file = tmp_path / below
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(LISTED if file.name == "tt.py" else PLUGIN)
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0
    assert vllm_plugin.__name__ in file.read_text()


IN_THE_FORK = "plugins/vllm-tt-plugin/src/vllm_tt_plugin/platform.py"


def write_both(root: Path, of_the_fork: str) -> tuple[Path, Path]:
    """A fork that carries the plugin: the file in the fork's place, and the plugin's."""
    fork, plugin = write(root, "listed", of_the_fork), root / IN_THE_FORK
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN)
    return fork, plugin


def test_where_the_fork_carries_the_plugin_the_plugin_is_changed(tool, tmp_path):
    shim = 'from importlib import import_module\n\nTTPlatform = import_module("vllm_tt_plugin.platform").TTPlatform\n'
    fork, plugin = write_both(tmp_path, shim)
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0
    assert fork.read_text() == shim and vllm_plugin.__name__ in plugin.read_text()
    assert tool.main(["--vllm", str(tmp_path), "--revert"]) == 0
    assert plugin.read_text() == PLUGIN


def test_of_two_platforms_the_message_says_how_to_choose(tool, tmp_path, capsys):
    files = write_both(tmp_path, LISTED)
    before = [file.read_bytes() for file in files]
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"integrate_vllm: not changed: {tmp_path}: 2 Tenstorrent platforms")
    assert [file.read_bytes() for file in files] == before
    choices = re.findall(r"--vllm (\S+)", message)
    assert len(choices) == 2
    for file, choice in zip(files, choices):
        assert tool.main(["--vllm", choice, "--apply"]) == 0
        assert vllm_plugin.__name__ in file.read_text()
    assert tool.main(["--vllm", str(tmp_path / "plugins" / "vllm-tt-plugin"), "--check"]) == 0


def test_no_platform_is_refused_with_what_would_be_one(tool, tmp_path, capsys):
    (tmp_path / "vllm" / "platforms").mkdir(parents=True)
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path}: 0 Tenstorrent platforms, none of vllm/platforms/tt.py" in message
    assert "branches v1_only" in message and len(message.splitlines()) == 1


def test_it_runs_as_a_script_from_anywhere_and_checks_by_default(tmp_path):
    write(tmp_path, "plugin")
    # -I keeps the script's own folder off the path, as PYTHONSAFEPATH does
    command = [sys.executable, "-I", SCRIPT, "--vllm", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "missing: registration of the models" in done.stdout
