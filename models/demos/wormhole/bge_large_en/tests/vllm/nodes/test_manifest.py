# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""kubernetes.yaml: against the API's schemas, and its container's command against its probes and its grace period."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from models.demos.wormhole.bge_large_en.tests.vllm.nodes.conftest import FIRST, RECIPES, SECOND, Node, ask, get, recipe

HERE = Path(__file__).parent
PINS = Path(__file__).parents[7] / "scripts" / "requirements" / "nodes.txt"


@pytest.fixture(scope="module")
def documents() -> dict[str, dict]:
    return {each["kind"]: each for each in yaml.safe_load_all((RECIPES / "kubernetes.yaml").read_text())}


@pytest.fixture(scope="module")
def container(documents) -> dict:
    (found,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture(scope="module")
def tools(tmp_path_factory) -> Path:
    """The folder of the pinned tools' commands."""
    if not PINS.is_file():
        pytest.skip("the pins are in the repository that this is developed in")
    folder, uv = tmp_path_factory.mktemp("tools"), [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "-q", "-p", sys.executable, str(folder)],
        [*uv, "pip", "install", "-q", "--python", str(folder / "bin" / "python"), "--require-hashes", "-r", str(PINS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"cannot be installed: {done.stderr[-300:]}")
    return folder / "bin"


def validate(tools: Path, folder: Path) -> subprocess.CompletedProcess:
    (command,) = recipe("runs: anywhere")
    program, *words = shlex.split(command)
    return subprocess.run([str(tools / program), *words], cwd=folder, capture_output=True, text=True, timeout=300)


def test_every_block_of_the_recipes_is_run_by_a_test():
    text, tests = (RECIPES / "README.md").read_text(), "".join(file.read_text() for file in HERE.glob("test_*.py"))
    tags = re.findall(r"<!-- (.*) -->\n```bash", text)
    assert len(tags) == text.count("```") // 2 == 10
    for tag in tags:
        said = tag.replace(FIRST, "{FIRST}").replace(SECOND, "{SECOND}")
        assert f'"{tag}"' in tests or f'"{said}"' in tests or "as one server" in tag, tag


def test_the_api_would_take_it(tools, documents):
    done = validate(tools, RECIPES)
    assert done.returncode == 0 and done.stdout.count(" passed ") == len(documents) == 5, done.stdout + done.stderr


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("periodSeconds: 10", "periodSecond: 10"),
        ("failureThreshold: 180", "failureThreshold: many"),
        ("containerPort: 8000", 'containerPort: "8000"'),
        ("maxUnavailable: 1}", "maxUnavailable: [1]}"),
    ],
)
def test_what_it_would_not_take_is_found(tools, tmp_path, right, wrong):
    text = (RECIPES / "kubernetes.yaml").read_text()
    assert right in text
    (tmp_path / "kubernetes.yaml").write_text(text.replace(right, wrong))
    assert validate(tools, tmp_path).returncode != 0


def test_what_belongs_together_has_one_name(documents, container):
    deployment, labels = (
        documents["Deployment"]["spec"],
        documents["Deployment"]["spec"]["template"]["metadata"]["labels"],
    )
    pod = deployment["template"]["spec"]
    selectors = [deployment["selector"], documents["PodDisruptionBudget"]["spec"]["selector"]]
    for selector in (*selectors, documents["NetworkPolicy"]["spec"]["podSelector"]):
        assert selector["matchLabels"] == labels
    assert documents["Service"]["spec"]["selector"] == labels
    claims = {each["name"]: each["resourceClaimTemplateName"] for each in pod["resourceClaims"]}
    assert claims[container["resources"]["claims"][0]["name"]] == documents["ResourceClaimTemplate"]["metadata"]["name"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_the_containers_server_answers_its_probes_and_stops_in_time(
    network, small_model, vllm_environment, tmp_path, documents, container
):
    command = shlex.join([*container["command"], *container["args"]])
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each and each["name"] != "HF_HOME"}
    environment = {**vllm_environment, **given, "TT_METAL_CACHE": str(tmp_path / "kernels"), "VLLM_API_KEY": "a-key"}
    node = Node(network, "first", command, small_model, environment, tmp_path / "pod.log")
    try:
        (port,) = (each["containerPort"] for each in container["ports"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == container["ports"][0]["name"]
            node.wait_until(f"http://{FIRST}:{port}{asked['path']}")
        assert network.on("front", lambda: ask(f"http://{FIRST}:{port}", "a text"))[0] == 401
        stopping = time.monotonic()
        node.process.terminate()
        grace = documents["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        assert node.process.wait(grace - before) == 0, node.tail()
        print(f"stopped in {time.monotonic() - stopping:.1f} s of {grace - before}")
        assert network.on("front", lambda: get(f"http://{FIRST}:{port}/health")) == 0
    finally:
        node.process.kill()
