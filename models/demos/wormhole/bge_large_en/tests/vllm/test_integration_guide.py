# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""demo/VLLM_INTEGRATION.md and its reference: commands are run, tables, messages and paths looked up in the code."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.emulation import LAUNCHER
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, START_LIMIT_S, assert_like
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions

pytest.importorskip("vllm")

MODEL = Path(__file__).parents[2]
REPOSITORY = Path(__file__).parents[6]
GUIDE = "\n".join((MODEL / "demo" / f"VLLM_{name}.md").read_text() for name in ("INTEGRATION", "REFERENCE"))
LARGE, ADDRESS = "BAAI/bge-large-en-v1.5", "http://localhost:8000"


@dataclass(frozen=True)
class Block:
    """A code block. tag: the comment before it, which says how it is tested."""

    tag: str
    language: str
    code: str

    def __str__(self) -> str:  # the test's name
        path = re.search(rf"{ADDRESS}(/[\w/]+)", self.code)
        return f"{self.language}-{path[1] if path else self.tag}"


BLOCKS = [
    Block(tag or "", language, code)
    for tag, language, code in re.findall(r"(?:<!-- ([^\n]+) -->\n)?^ *```(\w+)\n(.*?)^ *```", GUIDE, re.M | re.S)
]


def tagged(tag: str) -> list[Block]:
    found = [block for block in BLOCKS if block.tag == tag]
    assert found, f"no block is tagged {tag!r}"
    return found


def table(name: str) -> list[list[str]]:
    """Cells of the table between <!-- name --> and <!-- end name -->, without its head."""
    text = GUIDE.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end {name} -->")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()[2:]]


def run(block: Block, name: str, url: str, environment: dict[str, str]) -> str:
    """What a shell or Python block prints when it names this server."""
    code = block.code.replace(LARGE, name).replace(ADDRESS, url)
    if block.language == "bash":
        command = ["bash", "-c", code.replace("curl ", "curl -sS --fail-with-body ")]
    else:
        command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


# --- blocks that are run ---------------------------------------------------------------------------------------------


def test_every_block_that_needs_a_server_or_a_device_is_tested():
    for block in BLOCKS:
        if any(word in block.code for word in (ADDRESS, "ttnn", "LLM(", "api_server")):
            assert re.match(r"(runs|starts): ", block.tag), block


def test_the_unit_starts_the_same_server():
    (unit,), (command, *_) = tagged("starts: server, as a unit of systemd"), tagged("starts: server")
    started = re.search("ExecStart=(.+)", unit.code)[1].split()
    wanted = command.code.replace("--tensor-parallel-size 1 ", "").split()
    assert started[1:] == wanted[1:], "but for the Python it is the guide's command"


CHECKS = {  # on the answer, beside that it is one
    "/v1/embeddings": lambda answer: len(answer["data"]) in (1, 2) and answer["usage"]["prompt_tokens"] >= 5,
    "/score": lambda answer: answer["data"][0]["score"] > answer["data"][1]["score"],
    "/rerank": lambda answer: [result["index"] for result in answer["results"]] == [1],
    "/tokenize": lambda answer: answer["tokens"][0] == 101,
    "/pooling": lambda answer: len(answer["data"][0]["data"]) == 384,
}


@pytest.mark.server
@pytest.mark.timeout(START_LIMIT_S + 300)
@pytest.mark.parametrize("block", tagged("runs: server"), ids=str)
def test_blocks_against_a_server(block, server, vllm_environment):
    printed = run(block, NAME, server.url, vllm_environment)
    path = re.search(rf"{ADDRESS}(/[\w/]+)", block.code)[1]
    if path == "/metrics":
        for metric in re.findall(r"`(vllm:\w+)`", GUIDE):
            assert metric in printed, metric
    elif block.language == "python":
        assert printed.split() == ["2", "9"]  # vectors, tokens of [CLS] your text here [SEP] [CLS] another text [SEP]
    else:
        assert CHECKS[path](json.loads(printed)), printed[:500]


@pytest.mark.server
@pytest.mark.timeout(START_LIMIT_S + 300)
@pytest.mark.parametrize("block", tagged("runs: server with a key"), ids=str)
def test_blocks_with_a_key(block, bge_server, bge_small, bge_name, api_key, query_prompt, vllm_environment):
    environment = {**vllm_environment, "VLLM_API_KEY": api_key}
    printed = json.loads(run(block, bge_name, bge_server.url, environment))
    reference = ReferenceEncoder.from_pretrained(bge_small)
    query = reference.encode([query_prompt + "how are clouds made?"])
    if block.language == "python":
        passages = reference.encode(["Clouds form when moist air cools.", "Bread is made of flour."])
        assert printed == pytest.approx((passages @ query[0]).tolist(), abs=0.005)
    elif "/v2/embed" in block.code:
        assert_like(torch.tensor(printed["embeddings"]["float"]), query)
    else:
        assert len(printed["data"]) == 2


def test_commands_that_start_servers_are_understood(configured_flags, prompts):
    (plain,), (keyed,) = tagged("starts: server"), tagged("starts: server with a key")
    assert vars(configured_flags(plain))["max_model_len"] == 384
    args = configured_flags(keyed)
    # conftest.bge_server is started with the same overrides, as this fixture has them
    assert args.hf_overrides == {"task_instructions": prompts} and args.api_key == ["$VLLM_API_KEY"]


@pytest.fixture
def configured_flags():
    """Function from a block to vLLM's own reading of its flags."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from models.demos.wormhole.bge_large_en.tests.vllm.vllms import make_arg_parser

    def read(block: Block):
        words = shlex.split(block.code.replace("\\\n", " "))
        assert words[:3] == ["python", "-m", "vllm.entrypoints.openai.api_server"]
        return make_arg_parser(FlexibleArgumentParser()).parse_args(words[3:])

    return read


def test_direct_use(bge_small, vllm_environment, tmp_path):
    (block,) = tagged("runs: direct")
    script, result = tmp_path / "script.py", tmp_path / "rows.pt"
    # Without a location the class takes BGE-large, whatever folder the config came from.
    code = block.code.replace(LARGE, str(bge_small)).replace(
        "384)", f"384, model_location_generator=lambda _: {str(bge_small)!r})"
    )
    script.write_text(f"{code}\ntorch.save(embeddings, {str(result)!r})\n")
    command = [*LAUNCHER, str(script)]
    done = subprocess.run(command, env=vllm_environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_like(torch.load(result), ReferenceEncoder.from_pretrained(bge_small).encode(["hello world"]))


@pytest.mark.server
def test_offline_use(bge_small, vllm_environment, tmp_path):
    (block,) = tagged("runs: offline")
    result = tmp_path / "rows.json"
    # Without a warm-up, which takes minutes where there is no card.
    quick = ', additional_config={"tt": {"enable_model_warmup": False}})'
    code = block.code.replace(LARGE, str(bge_small)).replace("max_model_len=384)", f"max_model_len=384{quick}")
    assert quick in code
    code = f"{code}\nimport json, pathlib; pathlib.Path({str(result)!r}).write_text(json.dumps(vectors))\n"
    done = run_forked("offline", [], vllm_environment, tmp_path, code=code)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    expected = ReferenceEncoder.from_pretrained(bge_small).encode(["Your text here", "Another text"])
    assert_like(torch.tensor(json.loads(result.read_text())), expected)


# --- what is said ----------------------------------------------------------------------------------------------------


def test_options_are_those_of_the_code():
    rows = {row[0].strip("`"): row[1].strip("`") for row in table("options")}
    assert list(rows) == [field.name for field in fields(PoolingOptions)]
    for field in fields(PoolingOptions):
        if field.default is not None:
            assert rows[field.name] == json.dumps(field.default), field.name


@pytest.fixture(scope="module")
def sources() -> str:
    vllm = Path(find_spec("vllm").origin).parent
    files = [p for folder in ("vllm_plugin", "runner", "tt", "demo") for p in (MODEL / folder).rglob("*.py")]
    files += [
        p for folder in ("entrypoints", "renderers", "platforms", "config") for p in (vllm / folder).rglob("*.py")
    ]
    text = "\n".join(p.read_text() for p in [*files, *vllm.glob("*.py")])
    return re.sub(r"""["']\n\s+f?["']""", "", text)  # a message over several lines is one message


@pytest.mark.parametrize("message", [row[0].strip("`") for row in table("messages")])
def test_messages_are_in_the_source(sources, message):
    assert message.lower() in sources.lower()


def test_paths_and_tests_are_there():
    for path, test in re.findall(r"`((?:demo|tt|tests|vllm_plugin|runner)/[\w/]+\.py)(?:::(\w+))?`", GUIDE):
        assert (MODEL / path).is_file(), path
        assert f"def {test}(" in (MODEL / path).read_text() if test else True, test
    for module in re.findall(r"python -m (models\.[\w.]+)", GUIDE):
        assert find_spec(module), module
