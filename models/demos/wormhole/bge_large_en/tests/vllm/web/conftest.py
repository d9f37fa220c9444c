# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The page of demo/web_demo.py: servers it asks, its own process, and a browser. All of it is made once."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo import web_demo
from models.demos.wormhole.bge_large_en.demo.search.passages import read_passages
from models.demos.wormhole.bge_large_en.tests.vllm.server import MAX_MODEL_LEN, NAME, Server, serving
from models.demos.wormhole.bge_large_en.tests.vllm.web.browser import WIDE, Browser, screenshots

SCRIPT, ENVIRONMENT = web_demo.ROOT / "scripts" / "web_demo.sh", web_demo.ROOT / ".venv" / "web"
SLOTS = 4  # of the server: so many requests under way, and it answers 429
# The passages of knowledge_base.txt, some to a file, as they come.
FILES = {"kitchen": 5, "body": 5, "sky": 5, "earth": 3, "animals": 6, "money": 4, "shop": 4, "computers": 6}
FILES |= {"history": 4, "music": 2}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session")
def installed() -> Path:
    """The environment of the page, as its script makes it, where there is a browser."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine: apt-get install chromium chromium-driver")
    if not SCRIPT.is_file():
        pytest.skip("the script that makes its environment is in the repository that this is developed in")
    done = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        pytest.skip(f"the page cannot be installed: {done.stderr[-300:]}")
    return ENVIRONMENT


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """A folder of ten files, and one that is no text."""
    folder, passages = tmp_path_factory.mktemp("texts"), iter(read_passages(web_demo.KNOWLEDGE_BASE))
    for name, count in FILES.items():
        (folder / f"{name}.txt").write_text("\n\n".join(next(passages).text for _ in range(count)), encoding="utf-8")
    assert next(passages, None) is None
    (folder / "broken.md").write_bytes(b"not \xff text")
    return folder


@pytest.fixture(scope="session")
def embedder(minilm, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", str(MAX_MODEL_LEN)]
    flags += ["--additional-config", f'{{"tt": {{"max_waiting_requests": {SLOTS}}}}}']
    with serving(flags, vllm_environment, tmp_path_factory.mktemp("embedder") / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def reranker(cross_encoder, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    flags = ["--model", str(cross_encoder), "--served-model-name", cross_encoder.name, "--max-model-len", "96"]
    flags += ["--additional-config", '{"tt": {"enable_model_warmup": false}}']
    with serving(flags, vllm_environment, tmp_path_factory.mktemp("reranker") / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def start_page(installed, tmp_path_factory) -> Iterator[Callable[..., str]]:
    """Function from options of web_demo to the address of a page that is ready."""
    started: list[subprocess.Popen] = []

    def start(*options: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = tmp_path_factory.mktemp("page") / "log"
        command = [str(SCRIPT), *options, "--port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        started.append(process)
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                    return f"http://127.0.0.1:{port}"
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"no page; its log:\n{log.read_text()}")

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="session")
def page(start_page, embedder, texts) -> str:
    """A page on the embedder alone."""
    return start_page("--server", embedder.url, "--texts", str(texts))


@pytest.fixture(scope="session")
def chromium(installed, tmp_path_factory) -> Iterator[Browser]:
    # Selenium is Python alone, and of no use to anything else here: it stays in the page's environment.
    sys.path.append(str(next(installed.glob("lib/python*/site-packages"))))
    browser = Browser(tmp_path_factory.mktemp("chromium"), screenshots())
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium) -> Iterator[Browser]:
    """As wide as a desktop's. At the end nothing but this machine was asked for anything."""
    chromium.resize(WIDE)
    chromium.hosts()
    yield chromium
    assert chromium.hosts() == {"127.0.0.1"}
