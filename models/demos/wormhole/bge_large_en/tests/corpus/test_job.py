# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The job on Ray: whole, interrupted, with bad rows, on two cards and two nodes. Nothing is lost and nothing doubled."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

psutil = pytest.importorskip("psutil")
pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq

from models.demos.wormhole.bge_large_en.demo.corpus.texts import tokenizer_of
from models.demos.wormhole.bge_large_en.tests.corpus.conftest import Jobs
from models.demos.wormhole.bge_large_en.tests.corpus.fake_encoder import vector
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

pytestmark = [pytest.mark.corpus]


def write_texts(path: Path, rows: int) -> None:
    texts = [f"{n} {SENTENCES[n % len(SENTENCES)]}" for n in range(rows)]
    path.write_text("".join(f"{json.dumps({'id': n, 'text': text})}\n" for n, text in enumerate(texts)))


def held(output: Path) -> dict[int, tuple[str, list[float]]]:
    """id -> (text, vector) of all that is in a folder, each id once."""
    rows: dict[int, tuple[str, list[float]]] = {}
    files = list(output.glob("*.parquet"))
    for file in files:
        for row in pq.read_table(file, columns=["id", "text", "embedding"]).to_pylist():
            assert row["id"] not in rows, f"row {row['id']} is there twice"
            rows[row["id"]] = (row["text"], row["embedding"])
    return rows


def assert_whole(output: Path, rows: int, folder: Path, dim: int = 384) -> None:
    """Every row once, with the fake vector of its own text."""
    found, tokenizer = held(output), tokenizer_of(str(folder))
    assert sorted(found) == list(range(rows))
    for text, embedding in found.values():
        assert embedding == vector(tokenizer(text, padding=False)["input_ids"], dim)


def wait_for(condition, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def children(pid: int, title: str) -> list[psutil.Process]:
    """Processes below one with so much in their title."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if title in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            pass
    return found


def test_kills_lose_and_double_nothing(jobs, minilm, tmp_path):
    """Actors, then the driver; then it goes on where it was, and once more adds nothing."""
    write_texts(tmp_path / "in.jsonl", 3000)
    output = tmp_path / "out"
    command = ("--input", tmp_path / "in.jsonl", "--output", output, "--rows-per-file", 100, "--cards", 2)
    done = lambda: len(list(output.glob("*.parquet")))  # noqa: E731
    job = jobs.start(*command, FAKE_SECONDS="1.5")
    wait_for(lambda: done() >= 3)
    counts = [done()]
    actor, *_ = children(job.pid, "MapWorker")
    actor.kill()
    wait_for(lambda: done() >= counts[0] + 6)
    assert actor.pid not in [child.pid for child in children(job.pid, "MapWorker")]
    wait_for(lambda: len(children(job.pid, "MapWorker")) == 2)
    tree = psutil.Process(job.pid).children(recursive=True)
    actors = children(job.pid, "MapWorker")
    job.send_signal(signal.SIGKILL)
    job.communicate()
    _, alive = psutil.wait_procs(actors, timeout=60)
    assert not alive, "what holds a card outlives the driver"
    for process in tree:  # an agent of Ray may take its time to see that it is alone
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    counts.append(done())
    assert counts[1] < 30 and (output / "_job.json").is_file()
    times = {file: file.stat().st_mtime_ns for file in output.glob("*.parquet")}
    said = jobs.run(*command).stdout
    assert (
        f"3000 rows: {counts[1] * 100} were done, {3000 - counts[1] * 100} embedded in {30 - counts[1]} files" in said
    )
    assert all(file.stat().st_mtime_ns == then for file, then in times.items())
    assert_whole(output, 3000, minilm)
    times = {file: file.stat().st_mtime_ns for file in output.iterdir() if file.suffix == ".parquet"}
    assert "3000 rows: 3000 were done, 0 embedded in 0 files" in jobs.run(*command).stdout
    assert times == {file: file.stat().st_mtime_ns for file in output.iterdir() if file.suffix == ".parquet"}
    assert not list(output.glob(".*"))
    print(f"files before the actor was killed {counts[0]}, when the driver was {counts[1]}, at the end {len(times)}")


def test_the_documented_command(jobs, tmp_path):
    """Run in another folder, on Parquet."""
    rows = [{"text": text, "id": n} for n, text in enumerate(SENTENCES[:30])]
    (tmp_path / "docs").mkdir()
    for part in range(3):
        pq.write_table(pa.Table.from_pylist(rows[part * 10 : part * 10 + 10]), tmp_path / "docs" / f"{part}.parquet")
    command = jobs.command("--input", "docs/*.parquet", "--text-column", "text", "--output", "vectors/", card=True)
    done = subprocess.run(command, env=jobs.environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "30 rows: 0 were done, 30 embedded in 3 files, 0 bad" in done.stdout
    assert "running on: 1 card(s)" in done.stderr and "100%" in done.stderr and "tokens/s, padding" in done.stderr
    assert sorted(held(tmp_path / "vectors")) == list(range(30))


def test_a_text_at_which_every_process_dies_ends_the_job(jobs, tmp_path):
    write_texts(tmp_path / "in.jsonl", 40)
    command = ("--input", tmp_path / "in.jsonl", "--output", tmp_path / "out", "--rows-per-file", 10)
    poison = tokenizer_of(str(jobs.model)).convert_tokens_to_ids("25")
    done = jobs.run(*command, status=1, FAKE_POISON=str(poison))
    assert re.search(r"embed_corpus: \S+in.jsonl, rows \d+ to \d+: 4 processes died at it$", done.stderr.strip())


def test_bad_rows_end_the_job_or_are_listed(jobs, tmp_path):
    texts = ["good", None, "", "x" * 10_000_000, "word " * 600, "as good"]
    path, output = tmp_path / "in.jsonl", tmp_path / "out"
    path.write_text("".join(f"{json.dumps({'id': n, 'text': text})}\n" for n, text in enumerate(texts)) + "no JSON\n")
    command = ("--input", path, "--output", output)
    done = jobs.run(*command, status=1)
    assert done.stderr.splitlines()[-1] == f"embed_corpus: {path}, row 1: there is no text"
    assert "Traceback" not in done.stderr and not list(output.glob("*.parquet"))
    done = jobs.run(*command, "--on-error", "skip")
    assert "7 rows: 0 were done, 2 embedded in 1 files, 5 bad, 0 truncated" in done.stdout
    listed = [json.loads(line) for line in (output / "_errors.jsonl").read_text().splitlines()]
    assert [(row["file"], row["row"]) for row in listed] == [(str(path), row) for row in (1, 2, 3, 4, 6)]
    assert "10000000 characters; the limit is 1000000" in listed[2]["error"] and "602 tokens" in listed[3]["error"]
    assert sorted(held(output)) == [0, 5]


def test_two_cards_give_the_bits_of_one(jobs, tmp_path):
    """2,000 texts on MiniLM's real weights."""
    write_texts(tmp_path / "in.jsonl", 2000)
    for cards in (1, 2):
        done = jobs.run(
            *("--input", tmp_path / "in.jsonl", "--output", tmp_path / f"out{cards}", "--cards", cards),
            *("--rows-per-file", 250, "--max-tokens", 64, "--truncate"),
            card=True,
        )
        assert "2000 rows: 0 were done, 2000 embedded in 8 files, 0 bad" in done.stdout
        print(done.stdout.strip())
    one, two = held(tmp_path / "out1"), held(tmp_path / "out2")
    assert sorted(one) == list(range(2000)) and one == two
    norms = np.linalg.norm(np.array([embedding for _, embedding in one.values()]), axis=1)
    assert np.allclose(norms, 1, atol=1e-5)


class Nodes:
    """A cluster of two on loopback, each with one card; the second one can be killed."""

    def __init__(self, environment: dict[str, str], folder: Path):
        self.environment = {**environment, "EMULATED_WORMHOLE": "1", "RAY_worker_niceness": "0", "FAKE_SECONDS": "1"}
        self.environment |= {
            "RAY_TMPDIR": str(folder),
            "RAY_USAGE_STATS_ENABLED": "0",
            "TOKENIZERS_PARALLELISM": "false",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        }
        self.folder, self.started = folder, []
        self.address = "127.0.0.1:6399"

    def start(self, *arguments: str) -> subprocess.Popen:
        command = ["ray", "start", *arguments, "--resources", '{"tt_card": 1}', "--num-cpus", "1", "--block"]
        command += ["--node-ip-address", "127.0.0.1", "--disable-usage-stats", "--object-store-memory", "200000000"]
        with open(self.folder / f"node{len(self.started)}", "w") as log:
            self.started.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))
        return self.started[-1]

    def kill(self, node: subprocess.Popen) -> int:
        """All of its processes at once; how many."""
        processes = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        node.wait()
        return len(processes)


@pytest.fixture
def nodes(jobs):
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # short: sockets are in it
        nodes = Nodes(jobs.environment, Path(folder))
        yield nodes
        for node in nodes.started:
            if node.poll() is None:
                nodes.kill(node)


def test_a_node_that_is_killed_loses_and_doubles_nothing(jobs, nodes, minilm, tmp_path):
    write_texts(tmp_path / "in.jsonl", 3000)
    output = tmp_path / "out"
    done = lambda: len(list(output.glob("*.parquet")))  # noqa: E731
    nodes.start("--head", "--port", nodes.address.rpartition(":")[2], "--include-dashboard=false")
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", 6399)) == 0)
    second = nodes.start("--address", nodes.address)
    command = ("--input", tmp_path / "in.jsonl", "--output", output, "--rows-per-file", 100)
    command += ("--ray-address", nodes.address)
    jobs = Jobs(nodes.environment, jobs.model)
    wait_for(lambda: "the cluster at 127.0.0.1:6399 has 2" in jobs.run(*command, "--cards", 3, status=1).stderr)
    assert second.poll() is None, (nodes.folder / "node1").read_text()
    job = jobs.start(*command)
    wait_for(lambda: done() >= 4 or job.poll() is not None)
    workers = children(second.pid, "MapWorker")
    before, killed = done(), nodes.kill(second)
    out, errors = job.communicate(timeout=400)
    assert job.returncode == 0, errors[-3000:]
    assert workers, "no actor ran on the second node"
    assert f"2 card(s) of the Ray cluster at {nodes.address}" in errors
    assert_whole(output, 3000, minilm)
    assert "3000 rows: 3000 were done" in jobs.run(*command).stdout
    print(f"files before {killed} processes of a node were killed {before}, at the end {done()}; {out.strip()}")


@pytest.mark.parametrize(
    "given, words",
    [
        (("--input", "no/such*", "--output", "{}/o"), "--input 'no/such.' is no file"),
        (("--input", "{}/in.jsonl", "--output", "{}/in.jsonl"), "is no folder"),
        (("--input", "{}/in.jsonl", "--output", "{}/o", "--max-tokens", "600"), "--max-tokens is 600; .* takes 1 to "),
        (("--input", "{}/in.jsonl", "--output", "{}/o", "--cards", "0"), "--cards is 0; allowed: at least 1"),
        (("--input", "{}/in.jsonl", "--output", "{}/o", "--rows-per-file", "2000000"), "allowed: 1 to 1000000"),
        (("--input", "{}/in.jsonl", "--output", "{}/o", "--ray-address", "127.0.0.1:1"), "127.0.0.1:1"),
    ],
)
def test_bad_arguments_are_said_in_one_line(jobs, tmp_path, given, words):
    write_texts(tmp_path / "in.jsonl", 3)
    command = [sys_word.format(tmp_path) for sys_word in given]
    done = subprocess.run(jobs.command(*command), env=jobs._environment(False, {}), capture_output=True, text=True)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert re.search(
        f"embed_corpus.*: .*{words}", done.stderr.splitlines()[-1].replace("fake_encoder.py", "embed_corpus")
    )
