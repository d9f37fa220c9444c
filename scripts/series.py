# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The patch series for tt-metal: what each commit holds and says. Data for export_patches.py."""

from dataclasses import dataclass

MODEL = "models/demos/wormhole/bge_large_en"  # here
TARGET = MODEL  # in tt-metal; with another folder every path and import of the series follows
# Files of this repository that tt-metal has no use for.
STANDALONE = ("scripts/*", "tests/*", ".ci/*", ".gitignore", "README.md", "conftest.py", "pyproject.toml", "setup.py")
EARLIER_AND_OURS = ("models/demos/bge_large_en", MODEL, TARGET)  # where tt-metal of May 2026 has its own, and ours goes
OWNER = "OWNER-OF-BGE-LARGE-EN"  # in jobs, where tt-metal names nobody; the cover letter lists it


@dataclass(frozen=True)
class Commit:
    """patterns: of paths, as fnmatch has them (* takes slashes too). A file goes where the pattern names the most
    before its *."""

    subject: str
    body: str
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """cover: subject of the cover letter. about: its prose. commits: in order. ci: whether the last is made of entries
    in files of the checkout (ci_entries.py). after: the series that has to be applied before."""

    cover: str
    about: str
    commits: tuple[Commit, ...]
    ci: bool = False
    after: str | None = None


def model(*paths: str) -> tuple[str, ...]:
    return tuple(f"{MODEL}/{path}" for path in paths)


CORE = Series(
    "BGE-large and other BERT embedding models on Wormhole",
    """\
A BERT encoder that plans its program configs from the model's dims, a
runner that packs texts, replays traces on two command queues and drives
a mesh, the class that vLLM's TT backends call, demos and perf tests.
Nothing else of this tree is needed to run or test it. No card was at
hand: the encoder was compared with fp32 on a mock device with golden
numerics and on Tenstorrent's simulator; speeds are for the first card
to measure, so no target and no figure is written anywhere.
""",
    (
        Commit(
            "Plan the shapes of a BERT encoder on Wormhole",
            """\
Program configs and memory layouts are pure functions of BERT dims,
batch, sequence length, precision and core grid; a shape that does not
fit into L1 is refused before anything is loaded.
""",
            model(
                *(f"tt/{name}.py" for name in "__init__ dims precision profiles blocking shape_plan plan".split()),
                "tests/model_dims.py",
                "tests/conftest.py",
            ),
        ),
        Commit(
            "Add a BERT encoder for BGE-large and its reference",
            """\
The class tree mirrors the checkpoint's names; the loader checks every
shape. reference/ is the Hugging Face model in fp32. It stands beside
models/demos/bge_large_en, whose modules stay as they are.
""",
            model("tt/*", "reference/*", "tests/tt/*", "tests/metrics.py"),
        ),
        Commit(
            "Plan batches of texts into device steps",
            """\
Texts of any number and length become steps of a few fixed shapes; short
ones share rows, each from a tile boundary on. Where there is no card
for them, that is said in one line.
""",
            model(
                *(
                    f"runner/{n}.py"
                    for n in "__init__ target device_params mesh batch_plan step_cost kernel_cycles kernel_work inputs host_tensor".split()
                ),
                "tests/runner/test_target.py",
            ),
        ),
        Commit(
            "Run the steps traced on two command queues",
            """\
A trace for each shape, replayed while the other queue writes the next
inputs; on one chip or on a mesh by data parallelism. What is left
behind by an error in any place is freed, and the next step runs.
""",
            model("runner/*", "tests/runner/small_model.py", "tests/runner/test_lifecycle.py", "tests/emulation.py")
            + model("tests/runner/test_queues.py"),
        ),
        Commit(
            "Test the encoder against fp32 and the order of its commands",
            """\
Both profiles on padded and mixed-length input; the same text has the
same bits alone, packed and in any batch (on the emulated device); every
command that orders the two queues is needed, and none is missing.
""",
            model("tests/runner/*", "tests/pcc/*", "tests/seeded_batch.py", "tests/perf/plan_cost.py"),
        ),
        Commit(
            "Put BGEForEmbedding and demo.py on the new encoder",
            """\
generator_vllm.py keeps its name, its interface and its two registered
names; CLS pooling and L2 norm, or what the checkpoint says, in place of
the mean.
""",
            model(
                "demo/*.py",
                *(f"demo/search/{n}.py" for n in "__init__ passages similarity_plot".split()),
                "tests/demo/*",
            )
            + model(*(f"tests/{name}.py" for name in "seeded_folder sentences".split())),
        ),
        Commit(
            "Search texts with BGE-large",
            """\
interactive_demo.py keeps its place and the names of its tests; it takes
a folder of texts and keeps its index.
""",
            model("demo/interactive_demo.py", "demo/text_encoder.py", "demo/search/*", "demo/knowledge_base.txt")
            + model("tests/demo/test_interactive_demo.py", "tests/demo/test_no_card.py"),
        ),
        Commit(
            "Evaluate BGE-large by mteb",
            """\
dataset_evaluation.py runs mteb's tasks on the device and in fp32 side
by side, on published data or on what a package has of it.
""",
            model("demo/dataset_evaluation.py", "demo/evaluation/*", "tests/demo/test_dataset_evaluation.py"),
        ),
        Commit(
            "Measure the speed of BGE-large",
            """\
Device kernel time and end-to-end speed with new texts at each
iteration, compared with models/model_targets.yaml where that has a
target; and what a device asks of plans that a mock does not check.
""",
            model(
                *(
                    f"tests/perf/{n}.py"
                    for n in "zero_runner targets text_lengths test_device_perf test_e2e_perf test_targets".split()
                )
            )
            + model("tests/test_plan.py"),
        ),
        Commit(
            "Describe BGE-large and run it in CI",
            """\
The model's README, unit and end-to-end accuracy jobs on N150 in tier 3,
and the choices of their workflows.
""",
            model("README.md"),
        ),
    ),
    ci=True,
)

SERVING = Series(
    "Serve BERT encoders on Wormhole with vLLM",
    """\
A vLLM platform and pooling worker, or the same lent to an unmodified
vllm-tt-plugin, for the encoder of the core series, which has to be
applied before. It belongs beside vllm-tt-plugin as well as here: take
it where you want to keep it. In a tt-metal environment its entry points
are installed by `pip install --no-deps
models/demos/wormhole/bge_large_en/vllm_plugin`. The tree's own
setup_vllm.sh adds at most a list entry to heads of the vLLM fork since
October 2025, though it prints "Registered"; VLLM_INTEGRATION.md has the
edits.
""",
    (
        Commit(
            "Score pairs of texts with cross-encoders",
            """\
BertForSequenceClassification and its RoBERTa kinds: the encoder as it
is, pooler and classifier in fp32 on the host. Public facts of thirty
checkpoints, each planned for every bucket; one shape of each geometry
is compared with transformers.
""",
            model("demo/cross_encoder.py", "demo/search_and_rerank.py", "tests/family/*"),
        ),
        Commit(
            "Serve BERT encoders with vLLM",
            """\
The platform completes vLLM's configuration, the worker opens the mesh
and runs whole requests, the companion lends both to Tenstorrent's own
platforms. Before vLLM's routes stand limits, admission, keys and errors
in OpenAI's shape. A step that fails is tried again text by text; a
device that does not answer ends the engine.
""",
            model("vllm_plugin/*", "tests/runner/test_inputs.py"),
        ),
        Commit(
            "Test what guards the routes of the BERT server",
            """\
Limits, keys and errors in OpenAI's shape, before vLLM reads a request,
on a small application in the test's process.
""",
            model(
                "tests/vllm/front_end/*",
                "tests/vllm/hardening/odd_texts.py",
                "tests/vllm/forked.py",
                "tests/vllm/vllms.py",
            ),
        ),
        Commit(
            "Test BERT encoders in vLLM",
            """\
Platform and worker in one process, look-alikes of Tenstorrent's
backends, and (marker server, minutes) a real OpenAI server. Tests that
need vllm are skipped without it.
""",
            model("tests/vllm/*", "tests/saved_checkpoints.py", "tests/tt/test_saved_checkpoints.py")
            + model("tests/demo/test_checkpoints.py"),
        ),
        Commit(
            "Test the BERT server under faults and load",
            """\
Devices that fail or hang, bad and odd input, stalled clients, a killed
parent, overload and (marker slow) minutes of mixed load and of requests
made from the OpenAPI schema.
""",
            model("tests/vllm/hardening/*"),
        ),
        Commit(
            "Embed whole corpora with Ray Data",
            """\
Parquet, JSON lines or text in, Parquet with vectors out, an actor for
each card of a machine or a cluster. A job that was interrupted goes on
where it was: an output file has its name when it is whole. Tests marked
corpus start Ray and are skipped without it.
""",
            model("demo/embed_corpus.py", "demo/EMBED_CORPUS.md", "demo/corpus/*", "tests/corpus/*"),
        ),
        Commit(
            "Compare the BERT server with a bare vLLM worker",
            """\
Requests/s with a device that does nothing, as a share of what a worker
that returns constants serves.
""",
            model(
                *(
                    f"tests/perf/{n}.py"
                    for n in (
                        "serving serving_workers bare_platform test_serving utilisation test_utilisation offered_load "
                        "mesh_worker many_chips test_many_chips".split()
                    )
                )
            ),
        ),
        Commit(
            "Watch the BERT server with Prometheus and Grafana",
            """\
A dashboard, alert rules and a scrape configuration. promtool takes the
rules, each alert fires on what it is for, and every panel has data of a
server under load that a real Prometheus scrapes.
""",
            model("demo/monitoring/*", "tests/vllm/monitoring/*"),
        ),
        Commit(
            "Show search, a map and similarities in a page",
            """\
web_demo.py, by Streamlit, against a server's HTTP API alone. Its tests
drive a Chromium (marker browser) and are skipped where there is none.
""",
            model("demo/web_demo.py", "demo/web/*", "tests/vllm/web/*"),
        ),
        Commit(
            "Add recipes for serving BERT encoders from several machines",
            """\
Independent servers behind nginx, one server with engines on two
machines, a Kubernetes manifest, and which ports to close. Tests (marker
nodes, as root) run them on network namespaces, and kill machines.
""",
            model("demo/deployment/*", "tests/vllm/nodes/*"),
        ),
        Commit(
            "Document serving BERT encoders with vLLM",
            """\
A guide and a reference, whose commands are run and whose tables and
messages are compared with the code by a test, and how pooling models
are served in vLLM.
""",
            (
                *model("demo/VLLM_*.md", "tests/vllm/clients/*", "tests/vllm/test_integration_guide.py"),
                "tech_reports/LLMs/*",
            ),
        ),
    ),
    after="core",
)

EMULATION = Series(
    "An emulated Wormhole, and estimates made with it",
    """\
A proposal: the real ttnn library on a mock device, with values from the
ops' golden functions, so that a model can be tried and tested without a
card; and what was estimated of the encoder's speed with it. Nothing in
the other series needs it, and nothing loads it unasked: give pytest
`-p models.emulated_wormhole.pytest_plugin`, or start a script with
`python -m models.emulated_wormhole`.
""",
    (
        Commit(
            "Add an emulated Wormhole for tests without a card",
            """\
Arguments, program configs, L1 and DRAM allocation and sharding are
checked as on a card, and beside each op its golden function computes
values that are rounded to the op's output dtype. Kernels, traces and
time are not modelled. It acts only where EMULATED_WORMHOLE=1 asks.
""",
            ("models/emulated_wormhole/*", *model("tests/perf/stdout.py")),
        ),
        Commit(
            "Test BERT encoders on emulated boards",
            """\
One model over many chips, the demos on a mesh, accuracy of real weights
with modelled math fidelity, and the frontier of precisions.
""",
            model(
                *(
                    f"tests/runner/test_{name}.py"
                    for name in "mesh mesh_choice core_grid nine_rows spread forward_properties plan_properties".split()
                )
            )
            + model(
                "tests/perf/forward.py", "tests/perf/l1_graph.py", "tests/perf/op_records.py", "tests/perf/bound.py"
            )
            + model("tests/demo/test_demos_on_a_mesh.py", "tests/demo/tiny_hub.py")
            + model("tests/quality/*", "tests/pcc/frontier.py"),
        ),
        Commit(
            "Estimate the speed of BERT encoders",
            """\
A static estimate fitted to published figures of other encoders, which
nobody has measured; sweeps of shapes, padding and host dispatch.
""",
            model("tests/perf/*", "targets.yaml"),
        ),
        Commit(
            "Measure a first card by one command",
            """\
What is in doubt on silicon, in order of doubt, each step in a process
of its own with a time limit; one report with what was measured beside
what was estimated.
""",
            model("tests/first_card/*"),
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
    ),
    after="core",
)

SERIES = {"core": CORE, "serving": SERVING, "emulation": EMULATION}
