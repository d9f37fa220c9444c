# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Scores of MTEB tasks on the device beside fp32 with the same weights and beside the published ones.

    python -m models.demos.wormhole.bge_large_en.demo.dataset_evaluation --tasks STSBenchmark SciFact --output scores.json
    pytest -s models/demos/wormhole/bge_large_en/demo/dataset_evaluation.py::test_bge_sts_evaluation

Queries of retrieval tasks get the checkpoint's query instruction; documents and STS sentences get nothing. With
--offline, or when the hub does not answer, the STS benchmark of a registry package takes the place of STS tasks, and a
retrieval task DERIVED from it that of retrieval tasks. MESH_DEVICE chooses the chips. Needs the package mteb.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from huggingface_hub import constants
from loguru import logger

from models.demos.wormhole.bge_large_en.demo.checkpoints import (
    Choice,
    choose,
    choose_default,
    choose_located,
    hub_has_dataset,
)
from models.demos.wormhole.bge_large_en.demo.evaluation.report import Score, report, table
from models.demos.wormhole.bge_large_en.reference import published
from models.demos.wormhole.bge_large_en.runner.device_params import DEVICE_PARAMS, QUEUES
from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, NoCard, target
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

TASKS = tuple(published.MTEB_SCORES[published.BGE_LARGE])
MAX_BATCH = 8  # rows of a step per chip
HUB_PROBE = "mteb/stsbenchmark-sts"  # the data set that tells whether the hub answers
PACKAGES = ("mteb", "ttnn", "torch", "transformers")
PARAMETERS = "model_name, sequence_length, dataset_name, max_samples, batch_size"
STS = [(published.BGE_LARGE, 384, "STSBenchmark", 100, MAX_BATCH)]
RETRIEVAL = [(published.BGE_LARGE, 384, "ArguAna", 20, MAX_BATCH)]
LARGEST_DROP = 1.0  # of a demo's small samples; the gate on the whole STS benchmark is in tests/quality


def load_tasks(names: Sequence[str], offline: bool = False, limit: int | None = None) -> list:
    """mteb tasks with their data: the published ones, or local ones in their place, which it then says.

    limit: pairs, or queries, that are kept of each. FileNotFoundError for data that can't be had although the hub
    answers, or for local data that is not installed.
    """
    from models.demos.wormhole.bge_large_en.demo.evaluation import mteb_tasks

    tasks, why = [], "as asked"
    if not offline and not constants.is_offline_mode() and not hub_has_dataset(HUB_PROBE):
        offline, why = True, "the Hugging Face hub does not answer (HF_HUB_OFFLINE=1 makes its local cache be used)"
    if not offline:
        try:
            tasks = mteb_tasks.published_tasks(names)
        except FileNotFoundError as error:
            if not constants.is_offline_mode():
                raise
            why = f"HF_HUB_OFFLINE is set and {error}"
    if not tasks:
        tasks = mteb_tasks.local_tasks(names)
        logger.warning(f"OFFLINE, {why}: {', '.join(names)} replaced by {', '.join(map(mteb_tasks.described, tasks))}")
    if limit is not None:
        for task in tasks:
            mteb_tasks.limit_task(task, limit)
    return tasks


def evaluate(
    device,
    choice: Choice,
    tasks: Sequence,
    *,
    profiles: Sequence[str] = PROFILES[:1],
    max_seq_len: int | None = None,
    batch_size: int = MAX_BATCH,
    instruction: str | None = None,
    whole: bool = True,
    num_command_queues: int = 1,
) -> tuple[list[Score], dict]:
    """Main scores of loaded tasks on an open device or mesh in each profile, and in fp32; and how they were taken.

    max_seq_len: tokens, by default those that the checkpoint was made for. batch_size: rows of a step per chip.
    instruction: for queries, by default what the checkpoint wants. whole: False for limited tasks, whose scores are not
    set beside the published ones. num_command_queues: what the device was opened with.
    """
    from models.demos.wormhole.bge_large_en.demo.evaluation import mteb_tasks
    from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder, query_instruction
    from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
    from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

    folder, name = locate(choice.model), choice.served_name
    if instruction is None:
        instruction = query_instruction(folder, name)

    def scores_of(encode) -> list[float]:
        encoder = mteb_tasks.MtebEncoder(encode, name, instruction)
        return [100 * mteb_tasks.main_score(encoder, task) for task in tasks]

    found = {}
    for profile in profiles:
        options = dict(max_batch_size=batch_size, optimizations=profile, num_command_queues=num_command_queues)
        with TextEncoder(device, folder, max_seq_len, **options) as encoder:
            found[profile] = scores_of(encoder.encode)
    reference = ReferenceEncoder.from_pretrained(folder)
    exact = scores_of(lambda texts: reference.encode(texts, max_length=encoder.max_seq_len))
    known = published.MTEB_SCORES.get(published.published_name(name) or "", {}) if whole else {}
    scores = [
        Score(
            task=task.metadata.name,
            metric=task.metadata.main_score,
            size=mteb_tasks.task_size(task),
            profile=profile,
            device=found[profile][i],
            reference=exact[i],
            published=known.get(mteb_tasks.SAME_DATA.get(task.metadata.name, task.metadata.name)),
        )
        for i, task in enumerate(tasks)
        for profile in profiles
    ]
    setting = dict(model=name, weights=choice.weights, max_seq_len=encoder.max_seq_len, query_instruction=instruction)
    return scores, setting


def describe(model: str, weights: str, max_seq_len: int, query_instruction: str, runs_on: str, **_) -> str:
    """What was evaluated, how, and on what: three lines."""
    return (
        f"model: {model} ({weights}), up to {max_seq_len} tokens\n"
        f"instruction before queries of retrieval: {query_instruction or 'none'}\n"
        f"runs on: {runs_on}"
    )


def run_bge_evaluation(device, model_name, sequence_length, dataset_name, max_samples, batch_size, locate) -> None:
    """A part of a task in the default profile. Skips without mteb."""
    pytest.importorskip("mteb")
    tasks = load_tasks([dataset_name], limit=max_samples)
    options = dict(max_seq_len=sequence_length, batch_size=batch_size, whole=False, num_command_queues=QUEUES)
    scores, setting = evaluate(device, choose_located(model_name, locate), tasks, **options)
    logger.info("\n".join(["", describe(runs_on=DESCRIPTIONS[target()], **setting), table(scores)]))
    for score in scores:
        assert score.to_reference >= -LARGEST_DROP, f"{score.task} is {-score.to_reference:.3f} below fp32"


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(PARAMETERS, STS)
def test_bge_sts_evaluation(
    device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
):
    run_bge_evaluation(
        device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
    )


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(PARAMETERS, STS)
def test_bge_sts_evaluation_dp(
    mesh_device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
):
    run_bge_evaluation(
        mesh_device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
    )


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(PARAMETERS, RETRIEVAL)
def test_bge_retrieval_evaluation(
    device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
):
    run_bge_evaluation(
        device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
    )


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(PARAMETERS, RETRIEVAL)
def test_bge_retrieval_evaluation_dp(
    mesh_device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
):
    run_bge_evaluation(
        mesh_device, model_name, sequence_length, dataset_name, max_samples, batch_size, model_location_generator
    )


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", help=f"folder or hub name; default {published.BGE_LARGE}, else the MiniLM of a package"
    )
    parser.add_argument(
        "--name", help="name to look published scores and the instruction up by; default that of --model"
    )
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--profile", nargs="+", default=PROFILES[:1], choices=PROFILES, help="one or both")
    parser.add_argument("--max-seq-len", type=_positive, help="tokens; default what the checkpoint was made for")
    parser.add_argument(
        "--query-instruction", help="put before queries of retrieval; default what the checkpoint wants"
    )
    parser.add_argument(
        "--limit", type=_positive, help="pairs, or queries, of each task; scores are then not comparable"
    )
    parser.add_argument("--offline", action="store_true", help="the local tasks, without asking the hub")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}; at least 1 is needed")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    if importlib.util.find_spec("mteb") is None:
        print("dataset_evaluation: the package mteb (2 or later) is not installed: pip install mteb", file=sys.stderr)
        return 1
    try:
        runs_on = DESCRIPTIONS[target()]
    except NoCard as error:
        print(f"dataset_evaluation: {error}", file=sys.stderr)
        return 1
    print(f"running on: {runs_on}", file=sys.stderr)
    from models.demos.wormhole.bge_large_en.demo.text_encoder import open_device

    try:
        choice = choose(asked.model) if asked.model else choose_default()
        if asked.name:
            choice = replace(choice, served_name=asked.name)
        tasks = load_tasks(asked.tasks, asked.offline, asked.limit)
    except FileNotFoundError as error:
        print(f"dataset_evaluation: {error}", file=sys.stderr)
        return 1
    with open_device() as device:
        scores, setting = evaluate(
            device,
            choice,
            tasks,
            profiles=asked.profile,
            max_seq_len=asked.max_seq_len,
            instruction=asked.query_instruction,
            whole=asked.limit is None,
            num_command_queues=QUEUES,
        )
    setting.update(runs_on=runs_on, limit=asked.limit, versions={p: metadata.version(p) for p in PACKAGES})
    print(describe(**setting), table(scores), sep="\n")
    if asked.output:
        asked.output.write_text(json.dumps(report(scores, **setting), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
