# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How many API servers are started by default, and threads of each."""

import json

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.api_servers import api_servers  # noqa: E402


@pytest.mark.parametrize(
    "chips, cores, servers", [(1, 1, 1), (1, 64, 1), (2, 2, 1), (2, 8, 2), (8, 8, 4), (8, 32, 8), (32, 48, 24)]
)
def test_one_for_each_chip_as_far_as_there_are_cores(chips, cores, servers):
    assert api_servers(chips, cores) == servers


CASES = [  # MESH_DEVICE, program, options, servers
    ("T3K", "vllm serve", [], 8),
    ("T3K", "vllm serve", ["--api-server-count", "3"], 3),
    ("N150", "vllm serve", [], None),
    ("N150", "vllm serve", ["--data-parallel-size", "4"], None),
    ("N300", "vllm serve", ["--data-parallel-size", "4"], 8),
    ("T3K", "vllm serve", ["--headless"], None),
    ("T3K", "vllm serve", ["--uds", "/tmp/not_there"], None),
    ("T3K", "vllm serve", ["--data-parallel-rank", "0"], None),
    ("T3K", "vllm serve", ["--data-parallel-hybrid-lb"], None),
    ("none such", "vllm serve", [], None),
    ("T3K", "api_server.py", [], None),
]
THREADS = [  # cores, options, threads
    (16, [], 2),
    (1, [], 1),
    (16, ["--renderer-num-workers", "1"], 1),
    (16, ["--renderer-num-workers", "5"], 5),
]
PARSED = """
import json, os, sys
os.sched_getaffinity = lambda pid: set(range(16))
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
found = []
for mesh, program, flags, _ in json.loads(sys.argv[1]):
    parser = make_arg_parser(FlexibleArgumentParser(prog=program))
    os.environ["MESH_DEVICE"] = mesh
    found.append(parser.parse_args(["--model", "m", *flags]).api_server_count)
    os.environ["MESH_DEVICE"] = "N150"
print("SERVERS", json.dumps(found))
found = []
for cores, flags, _ in json.loads(sys.argv[2]):
    os.sched_getaffinity = lambda pid: set(range(cores))
    parser = make_arg_parser(FlexibleArgumentParser(prog="api_server.py"))
    found.append(parser.parse_args(["--model", "m", *flags]).renderer_num_workers)
print("THREADS", json.dumps(found))
"""


def test_of_vllms_options(vllm_environment, tmp_path):
    """Of `vllm serve`, as vLLM's own parser has its options, and of api_server.py, which has the same ones."""
    run = run_forked("parsed", [json.dumps(CASES), json.dumps(THREADS)], vllm_environment, tmp_path, code=PARSED)
    assert "SERVERS " in run.stdout, run.stdout[-2000:] + run.stderr[-2000:]
    found = json.loads(run.stdout.split("SERVERS ")[1].splitlines()[0])
    assert dict(enumerate(found)) == dict(enumerate(servers for *_, servers in CASES))
    assert json.loads(run.stdout.split("THREADS ")[1].splitlines()[0]) == [threads for *_, threads in THREADS]
