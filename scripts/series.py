# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commits of the patch series for tt-metal: what each holds and says. Data for export_patches.py."""

from dataclasses import dataclass

MODEL = "models/demos/wormhole/bge_large_en"
# Files of this repository that tt-metal has no use for.
STANDALONE = ("scripts/*", "tests/*", ".ci/*", ".gitignore", "README.md", "conftest.py", "pyproject.toml", "setup.py")
COVER = "BGE-large and other BERT embedding models on Wormhole, with a vLLM side"


@dataclass(frozen=True)
class Commit:
    """patterns: of paths, as fnmatch has them (* takes slashes too). A file goes where the pattern names the most
    before its *."""

    subject: str
    body: str
    patterns: tuple[str, ...] = ()


COMMITS = (
    Commit(
        "Add an emulated Wormhole for tests without a card",
        """\
The real ttnn library runs on a mock device: arguments, program configs,
L1 and DRAM allocation and sharding are checked as on a card, and beside
each op its golden function computes values that are rounded to the op's
output dtype. Kernels, traces and time are not modelled. A card or a
simulator is used where there is one. Nothing loads it unasked: give
pytest `-p models.emulated_wormhole.pytest_plugin`, or start a script
with `python -m models.emulated_wormhole`.
""",
        ("models/emulated_wormhole/*",),
    ),
    Commit(
        "Add a BERT encoder for BGE-large and its reference",
        """\
tt/ plans every program config and memory layout from BERT dims, batch,
sequence length and core grid, for two profiles of precision, and
refuses what does not fit into L1. reference/ is the Hugging Face model
in fp32. It stands beside models/demos/bge_large_en, whose modules stay
as they are. The tests set it beside fp32 on padded texts, in both
profiles.
""",
        (f"{MODEL}/tt/*", f"{MODEL}/reference/*", f"{MODEL}/tests/tt/*", f"{MODEL}/tests/metrics.py"),
    ),
    Commit(
        "Run the BGE-large encoder in steps of packed texts",
        """\
The runner plans steps of fixed shapes over texts of any length, packs
short ones into shared rows, captures a trace for each shape and replays
it on two command queues, on one chip or on a mesh by data parallelism.
The tests compare the encoder with fp32 on padded and mixed-length
input, and show that a text has the same bits alone and in any batch.
""",
        (f"{MODEL}/runner/*", f"{MODEL}/tests/runner/*", f"{MODEL}/tests/pcc/*", f"{MODEL}/tests/*.py"),
    ),
    Commit(
        "Serve BGE-large with vLLM",
        """\
generator_vllm.py keeps the name and the interface of BGEForEmbedding
and stands on the new encoder. vllm_plugin/ gives vLLM a platform and a
pooling worker of its own, or joins Tenstorrent's vLLM backends, and
guards the routes: limits, admission, errors in OpenAI's shape, a watch
on the engine and the device.
""",
        (
            f"{MODEL}/vllm_plugin/*",
            f"{MODEL}/demo/checkpoints.py",
            f"{MODEL}/demo/generator_vllm.py",
            f"{MODEL}/reference/seeded_checkpoint.py",
            f"{MODEL}/tests/demo/test_checkpoints.py",
            f"{MODEL}/tests/test_family.py",
            f"{MODEL}/tests/demo/test_generator.py",
            f"{MODEL}/tests/seeded_folder.py",
            f"{MODEL}/tests/demo/tiny_hub.py",
            # Of the runner as BGEForEmbedding drives it:
            f"{MODEL}/tests/runner/test_forward_properties.py",
            f"{MODEL}/tests/runner/test_mesh.py",
        ),
    ),
    Commit(
        "Test BGE-large in vLLM",
        """\
Against platform and worker in one process, against look-alikes of
Tenstorrent's backends, and (marker server, minutes) against a real
OpenAI server. Tests that need vllm are skipped without it.
""",
        (f"{MODEL}/tests/vllm/*",),
    ),
    Commit(
        "Test the BGE-large server under faults and load",
        """\
Devices that fail or hang, bad and odd input, stalled clients, a killed
parent, overload and (marker slow) minutes of mixed load and of requests
made from the OpenAPI schema.
""",
        (f"{MODEL}/tests/vllm/hardening/*",),
    ),
    Commit(
        "Put the demos of BGE-large on the new encoder",
        """\
demo.py, interactive_demo.py and dataset_evaluation.py keep their place
and the names of their inference tests. The search takes a folder of
texts and keeps its index; the evaluation runs mteb's tasks on the
device and in fp32 side by side.
""",
        (f"{MODEL}/demo/*", f"{MODEL}/tests/test_*.py", f"{MODEL}/tests/quality/*"),
    ),
    Commit(
        "Estimate and measure the speed of BGE-large",
        """\
On a card the tests measure device kernel time and end-to-end speed,
with new texts at each iteration, against models/model_targets.yaml. The
targets there are the low end of a static estimate, status TODO: nobody
has measured them yet. Without a card the tests count device programs,
L1 and traffic, and check the estimate against published figures.
""",
        # test_plan.py has its runner from tests/perf.
        (f"{MODEL}/tests/perf/*", f"{MODEL}/tests/test_plan.py", f"{MODEL}/targets.yaml"),
    ),
    Commit(
        "Document BGE-large",
        """\
The model's README, in the form of its neighbours; VLLM_INTEGRATION.md,
the guide to serving it, whose commands are run and whose tables and
messages are compared with the code by a test; and how pooling models
are served in vLLM.
""",
        (
            f"{MODEL}/*.md",
            f"{MODEL}/demo/VLLM_INTEGRATION.md",
            f"{MODEL}/tests/vllm/test_clients.py",
            f"{MODEL}/tests/vllm/test_integration_guide.py",
            "tech_reports/LLMs/*",
        ),
    ),
    Commit(
        "Report on the design of BGE-large",
        """\
Plan, estimates and accuracy of both profiles. The SVG files and the
tables are written by plots.py and tables.py from the code in the tree;
nothing in them was measured on silicon.
""",
        ("tech_reports/BGE/*",),
    ),
    Commit(
        "Run BGE-large in CI",
        """\
Unit, end-to-end and device perf jobs on N150, as the guide of the
tiered CI asks for them, and a row in the table of models.
""",
    ),
)
PERF = next(index for index, commit in enumerate(COMMITS) if f"{MODEL}/targets.yaml" in commit.patterns)
CI = len(COMMITS) - 1


def message(kept: bool, jobs: bool) -> str:
    """The prose of the cover letter. kept: some of the checkout's BGE-large stays. jobs: some were added to its CI."""
    text = """\
A BERT encoder that plans its program configs from the model's dims, a
runner that packs texts, replays traces on two command queues and drives
a mesh, a vLLM side, demos and an evaluation. Without a card the tests
run on a mock device with golden numerics, which the first commit adds.
No card was at hand: accuracy was measured emulated, every speed is an
estimate, and trace replay was run against doubles of the device only.
"""
    if kept:
        text += """
The earlier implementation stays: its modules, its tests and its perf
test import nothing that is replaced, and it is the one whose speed was
measured (its README named 230 sentences/s at 384 tokens, 146 at 512).
Nothing here removes it; once the new one is measured on a card, a
commit can. demo/setup_vllm.sh still registers the right class, but a
fork changed by it lacks the pooling worker: see VLLM_INTEGRATION.md.
"""
    if jobs:
        text += """
To decide before merging: the tier (3 is proposed; the device perf job
is for tier 1, so drop it if the model stays in 3), owner_id of the
jobs, which is empty, and the time-outs, which no card has confirmed.
"""
    return text
