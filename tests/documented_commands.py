# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What becomes of each documented command: it is run here, by another test, or not, with the reason.

Commands are without the folder of the model (documents.short), as `perf.estimate` is for its whole name.
"""

from dataclasses import dataclass, field

EXPORT = "python scripts/export_patches.py --tt-metal PATH --out DIR"
APPLY = "python scripts/integrate_vllm.py --vllm PATH --apply"
VLLM = "tests/vllm"
SUITE = "it runs the tests, of which this is one"
INSTALLS = "it installs packages, which scripts/setup_env.sh does by the pins of scripts/requirements"


@dataclass(frozen=True)
class Run:
    """How a command is run, and what of its output is looked at.

    prints: a regular expression that the output has, or FILE of the command. quick: within some seconds, so in the default
        selection.
    after: commands that are run before it. typed: into its standard input. status: that it exits with.
    hub: whether BGE-large is in the hub's cache, cut to two layers of seeded weights.
    launched: whether it is started by the launcher here, as README.md says of machines without a card.
    serves: whether it is a server, which is called as README.md says, and told to end. rest: what "…" stands for.
    needs: words in capitals that environment variables of these names fill in. same: a file that it must not change.
    minutes: that it may take.
    """

    prints: str
    quick: bool = False
    after: tuple[str, ...] = ()
    typed: str = ""
    hub: bool = False
    launched: bool = False
    serves: bool = False
    rest: str = ""
    needs: dict[str, str] = field(default_factory=dict)
    status: int = 0
    same: str | None = None
    minutes: int = 15


RUNS = {
    # What one sees first.
    'python -m models.emulated_wormhole -m demo.interactive_demo --query "how do bees talk?"': Run(
        r"0\.\d+  knowledge_base\.txt  Bees tell each other"
    ),
    "python -m demo.interactive_demo --index notes.safetensors": Run(
        r"0\.\d+  knowledge_base\.txt  Bees tell", typed="how do bees talk?\nexit\n", launched=True
    ),
    # Estimates and plans.
    "python -m tests.perf.estimate --batch 8 --seq 384 --profile performance": Run(
        r"at most 984 .*26[56] to 339 sentences/s, 301 by", quick=True
    ),
    "python -m tests.perf.estimate": Run(r"Range: [\d.]+ to [\d.]+ times the fitted time"),
    "python -m tests.perf.batching --lengths stsb --waiting 64": Run(
        r"padding efficiency: 0\.42.* ratio 11\.3", quick=True
    ),
    "python -m tests.perf.sweep --hidden 1024": Run(r"1024 +8 x 384 +8x8 performance +chain +1,069,056 B"),
    "python -m tests.perf.sweep --json > FILE": Run(r'"peak_l1": 1069056', minutes=60),
    "python -m tests.perf.dispatch": Run(r"ratio 0\.\d+"),
    "python -m tests.perf.serving": Run(r"64 at a time", minutes=30),
    "python -m tests.vllm.front_end.door_benchmark": Run(r"checks and marked reading / plain reading 0\.\d+"),
    "python -m tests.perf.utilisation": Run(r"128 clients, 384", minutes=30),
    "python -m tests.perf.many_chips": Run(r"32 chips, 32 texts a request", minutes=20),
    "python -m tests.perf.mesh_cost": Run(r"\n   32 +256 "),
    "python -m tests.vllm.engine.batch_fill_benchmark": Run(r"throughput +median latency", minutes=30),
    "python -m tests.vllm.averaged_pieces": Run(r"\| STS-B \| 33 \| behind it \| 159 \| average \| 1[456]\.\d%"),
    "python -m tests.pcc.frontier --only performance accuracy": Run(
        r"performance \| 0\.9986\d \| 0\.9950\d \| 0\.9967\d \| 0\.9890\d \|", minutes=60
    ),
    "python -m tech_reports.BGE.plots": Run("", same="tech_reports/BGE/bge.md"),
    # On a card; without one it says what to start, as the emulation is not asked for.
    "python -m tests.first_card --minutes 60": Run(
        r"to try it without:.*python -m models\.emulated_wormhole -m", quick=True, status=2
    ),
    "python -m models.emulated_wormhole -m tests.first_card": Run(
        r"nothing was timed.*\| server \| passed", minutes=60
    ),
    "python -m tests.first_card": Run(
        r"to try it without:.*python -m models\.emulated_wormhole -m", quick=True, status=2
    ),
    # Tests and demos of the model.
    'pytest tests/pcc/test_encoder.py -m "not slow"': Run(r"\d+ passed", minutes=30),
    "pytest demo/demo.py::test_bge_vllm_demo": Run(r"1 passed", hub=True),
    "pytest -s demo/demo.py::test_bge_demo_inference": Run(r"1 passed", hub=True),
    "MESH_DEVICE=N300 pytest -s demo/demo.py::test_bge_demo_inference_dp": Run(r"n300.*1 passed", hub=True),
    "pytest -s demo/interactive_demo.py::test_interactive_demo_inference": Run(r"1 passed", hub=True),
    "MESH_DEVICE=N300 pytest -s demo/interactive_demo.py::test_interactive_demo_inference_dp": Run(
        r"n300.*1 passed", hub=True
    ),
    "pytest -s -m models_performance_bare_metal tests/perf/test_e2e_perf.py": Run(r"2 passed", minutes=30),
    "pytest -s tests/perf/test_device_perf.py": Run(r"2 passed, 2 skipped"),
    # Evaluation, on the real weights of a package: scores of seeded ones mean nothing.
    "pytest -s demo/dataset_evaluation.py::test_bge_sts_evaluation": Run(r"1 passed"),
    "pytest -s demo/dataset_evaluation.py::test_bge_retrieval_evaluation": Run(r"1 passed"),
    "python -m models.emulated_wormhole -m demo.dataset_evaluation --model sentence-transformers/all-MiniLM-L6-v2 --offline"
    " --output scores.json": Run(r"82\.05\d +82\.03\d", minutes=30),
    "python -m demo.dataset_evaluation --model sentence-transformers/all-MiniLM-L6-v2 --offline --profile performance"
    " accuracy": Run(r"82\.05\d.*82\.02\d.*94\.63\d.*94\.49\d", minutes=60, launched=True),
    "python -m demo.dataset_evaluation --tasks STSBenchmark SciFact --output scores.json": Run(
        r"STSBenchmark, SciFact replaced by .*82\.05\d +82\.03\d", minutes=30, launched=True
    ),
    # The patch series and the change of another platform.
    EXPORT: Run(r"10 patches and 0000-cover-letter.txt", quick=True),
    "cd PATH && git am DIR/*.patch": Run(r"Applying: Describe BGE-large and run it in CI", quick=True, after=(EXPORT,)),
    "python scripts/export_patches.py --tt-metal PATH --out DIR --check --python PYTHON": Run(
        r"tests passed, 0 failed", needs={"PATH": "TT_METAL_CHECKOUT", "PYTHON": "CHECK_PYTHON"}, minutes=30
    ),
    "python scripts/integrate_vllm.py --vllm PATH --check": Run(r"\S", quick=True, status=1),
    "python scripts/integrate_vllm.py --vllm PATH --diff": Run(r"\n\+[^\n]*TTBertModel", quick=True),
    APPLY: Run(r"\n\+[^\n]*TTBertModel", quick=True),
    "python scripts/integrate_vllm.py --vllm PATH --revert": Run(r"\n-[^\n]*TTBertModel", quick=True, after=(APPLY,)),
    # Servers, called as the README says; the script that the launcher runs is the README's.
    "./scripts/serve.sh": Run(r"address  http://", serves=True, minutes=30),
    "python -m vllm.entrypoints.openai.api_server --model BAAI/bge-large-en-v1.5 --tensor-parallel-size 1"
    " --max-model-len 384": Run(r"Serving on: ", hub=True, serves=True, minutes=30),
    "python -m models.emulated_wormhole -m vllm.entrypoints.openai.api_server …": Run(
        r"Serving on: ", hub=True, serves=True, rest="--model BAAI/bge-large-en-v1.5 --max-model-len 32", minutes=30
    ),
    "python -m models.emulated_wormhole script.py": Run(r"torch\.Size\(\[1, 1024\]\)", hub=True),
}

# Files with "::" and the name of the test.
ELSEWHERE = {
    'curl http://localhost:8000/v1/embeddings -H "Content-Type: application/json" -d \'{"input": "Your text here"}\'': (
        "tests/test_documented_commands.py::serve"
    ),
    "vllm run-batch -i in.jsonl -o out.jsonl --model BAAI/bge-large-en-v1.5 --max-model-len 384": (
        f"{VLLM}/test_batch_file.py::test_a_thousand_lines_of_which_some_are_bad"
    ),
    "./scripts/web_demo.sh": f"{VLLM}/web/test_page.py::test_search_shows_the_best_passages_their_scores_and_files",
    "pip install --no-deps vllm_plugin": f"{VLLM}/test_active_platform.py::test_entry_points_install_alone",
    "python -m demo.embed_corpus --input 'docs/*.parquet' --text-column text --output vectors/": (
        "tests/corpus/test_job.py::test_the_documented_command"
    ),
    **{
        command: "tests/corpus/test_job.py::test_a_node_that_is_killed_loses_and_doubles_nothing"
        for command in (
            "ray start --head --port 6379 --resources '{\"tt_card\": 4}' --disable-usage-stats",
            "ray start --address HEAD:6379 --resources '{\"tt_card\": 4}' --disable-usage-stats",
            "ray get-auth-token --generate",
            "python -m demo.embed_corpus --input 'docs/*.jsonl' --output vectors/ --ray-address HEAD:6379",
        )
    },
    "pytest -m clients": f"{VLLM}/clients/test_guides_blocks.py::test_vectors_are_the_references",
    "vllm bench serve --backend openai-embeddings --endpoint /v1/embeddings": f"{VLLM}/test_bge_server.py::test_bench_serve",
}

NOT_RUN = {
    "./scripts/test.sh": SUITE,
    "./scripts/test.sh -m quality -s": SUITE,
    "./scripts/test.sh -m slow -s": SUITE,
    "./scripts/test.sh -m slow -k hardening": SUITE,
    "./scripts/test.sh -m clients": SUITE,
    "./scripts/test.sh -m browser": SUITE,
    "./scripts/test.sh -m nodes -s": SUITE,
    "./scripts/test.sh -m corpus": SUITE,
    "./scripts/test.sh --vllm 0.33.0": SUITE,
    "./scripts/test.sh --backend PATH": "it needs a checkout of Tenstorrent's code",
    'pytest -m slow -s -k "bge_large and full_batch"': SUITE,
    "pytest -m quality -s -k modelled > FILE": SUITE,
    "pytest -m quality -s -k dense_placements": SUITE,
    "pytest -m slow -k hardening": SUITE,
    "pytest -s -k eight_megabytes": SUITE,
    "scripts/check_env.sh DIR": INSTALLS,
    "python -m tests.perf.serving --vllm 0.33.0": "it needs the environment of scripts/vllm_env.sh 0.33.0",
    "pip install mteb": INSTALLS,
    "pip install 'ray[data]'": INSTALLS,
    "pip install matplotlib": INSTALLS,
    "docker run --restart=on-failure --stop-timeout 60 …": "it needs docker and an image",
    "python -m tests.pcc.frontier > FILE": "it takes hours; with --only it is run",
}
