# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Clients in other languages than Python, where the machine has these."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.clients.conftest import TEXTS
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME

FOLDER = Path(__file__).parent
BODY = json.dumps({"model": NAME, "input": TEXTS})


def vectors(answer: str) -> list:
    return [item["embedding"] for item in json.loads(answer)["data"]]


def run(*command: str) -> list[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on this machine")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_java(server, assert_vectors):
    """Debian: default-jdk-headless."""
    first, second = run("java", str(FOLDER / "Embed.java"), f"{server.url}/v1/embeddings", BODY)
    assert_vectors(vectors(first))
    assert vectors(first) == vectors(second)


@pytest.mark.parametrize("how", [[], ["-H", "Transfer-Encoding: chunked"]], ids=["length", "chunked"])
def test_curl_that_offers_http2(server, assert_vectors, how):
    url, json_body = f"{server.url}/v1/embeddings", ["-H", "Content-Type: application/json", "-d", BODY]
    (answer,) = run("curl", "-sS", "--http2", "--fail-with-body", url, *json_body, *how)
    assert_vectors(vectors(answer))


def test_node(ask, assert_vectors, node_folder):
    shutil.copy(FOLDER / "embed.mjs", node_folder)
    assert_vectors(ask("node", node_folder / "embed.mjs", cwd=node_folder))


GO = """package main

import ("fmt"; "io"; "net/http"; "os"; "strings")

func main() {
	answer, err := http.Post(os.Args[1], "application/json", strings.NewReader(os.Args[2]))
	if err != nil { panic(err) }
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(string(body))
}
"""


def test_go(server, assert_vectors, tmp_path):
    """Debian: golang-go."""
    if shutil.which("go") is None:
        pytest.skip("no go on this machine")
    (tmp_path / "main.go").write_text(GO)
    (answer,) = run("go", "run", str(tmp_path / "main.go"), f"{server.url}/v1/embeddings", BODY)
    assert_vectors(vectors(answer))


def test_dotnet():
    pytest.skip("no .NET: neither Debian nor the registries of this project have it")
