# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What mteb needs of this project: an encoder behind its EncoderProtocol, and tasks on data that needs no hub.

Needs the package mteb (version 2).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import mteb
import numpy
import torch
from datasets import Dataset
from mteb.abstasks import AbsTask, AbsTaskRetrieval, AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction
from mteb.types import PromptType

from models.demos.wormhole.bge_large_en.demo.checkpoints import STSB_PACKAGE, stsb_test

STSB_LOCAL = "STSBenchmark-package"
STSB_RETRIEVAL = "STSBenchmark-derived-retrieval"
SAME_DATA = {STSB_LOCAL: "STSBenchmark"}  # local task -> published task with the same data
LEAST_RELEVANT = 4  # of 0 to 5: the two sentences are at least mostly equivalent
CORPUS_PER_QUERY = 10  # documents that a limited retrieval task keeps for each query
_SPLIT = "test"


class MtebEncoder(AbsEncoder):
    """A function from texts to rows as mteb's EncoderProtocol; similarity is the cosine."""

    def __init__(self, encode: Callable[[Sequence[str]], torch.Tensor], name: str, instruction: str = ""):
        """encode: N texts -> (N, H) fp32. name: of the model; instruction: put before queries, and nothing else."""
        self._encode, self._instruction = encode, instruction
        self._rows: dict[str, torch.Tensor] = {}
        name = name if name.count("/") == 1 else f"local/{name.rstrip('/').rsplit('/', 1)[-1]}"
        self.mteb_model_meta = ModelMeta.create_empty({"name": name, "similarity_fn_name": ScoringFunction.COSINE})

    def encode(self, inputs, *, task_metadata, hf_split, hf_subset, prompt_type=None, **_) -> numpy.ndarray:
        """inputs: mteb's DataLoader of batches with "text" -> (N, H) fp32.

        Only inputs that the task calls queries get the instruction: those of retrieval; STS tasks call theirs nothing.
        A text that was encoded before is not encoded again.
        """
        prefix = self._instruction if prompt_type == PromptType.query else ""
        texts = [prefix + text for batch in inputs for text in batch["text"]]
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            self._rows.update(zip(new, self._encode(new)))
        return torch.stack([self._rows[text] for text in texts]).numpy()


class StsbFromPackage(AbsTaskSTS):
    """The test part of the STS benchmark: the pairs of mteb's STSBenchmark, read from an installed package."""

    metadata = TaskMetadata(
        name=STSB_LOCAL,
        description="test part of the STS benchmark, read from a package",
        dataset={"path": STSB_PACKAGE, "revision": _SPLIT},
        type="STS",
        category="t2t",
        eval_splits=[_SPLIT],
        eval_langs=["eng-Latn"],
        main_score="cosine_spearman",
    )

    data_loaded: bool

    def load_data(self, num_proc: int | None = None, **_) -> None:
        if not self.data_loaded:
            first, second, scores = zip(*stsb_test())
            pairs = {"sentence1": list(first), "sentence2": list(second), "score": list(scores)}
            self.dataset = {_SPLIT: Dataset.from_dict(pairs)}
            self.data_loaded = True


class StsbRetrieval(AbsTaskRetrieval):
    """DERIVED from the STS benchmark, not a published task: find the second sentence of a pair by the first.

    Queries: first sentences of pairs that score 4 or more. Corpus: all second sentences. Relevance: 1, and 2 where
    the pair scores 5.
    """

    metadata = TaskMetadata(
        name=STSB_RETRIEVAL,
        description="DERIVED from the STS benchmark, not a published task",
        dataset={"path": STSB_PACKAGE, "revision": _SPLIT},
        type="Retrieval",
        category="t2t",
        eval_splits=[_SPLIT],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
        sample_creation="created",
    )

    data_loaded: bool

    def load_data(self, num_proc: int | None = None, **_) -> None:
        if not self.data_loaded:
            self.dataset = {"default": {_SPLIT: derived_retrieval(stsb_test())}}
            self.data_loaded = True


def derived_retrieval(pairs: Sequence[tuple[str, str, float]]) -> dict:
    """Pairs of sentence, sentence, score from 0 to 5 -> corpus, queries and relevance, in mteb's form."""
    documents = {text: f"d{i}" for i, text in enumerate(dict.fromkeys(pair[1] for pair in pairs))}
    wanted = [pair for pair in pairs if pair[2] >= LEAST_RELEVANT]
    queries = {text: f"q{i}" for i, text in enumerate(dict.fromkeys(pair[0] for pair in wanted))}
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for first, second, score in wanted:
        relevant[queries[first]][documents[second]] = int(score) - LEAST_RELEVANT + 1
    return {
        "corpus": Dataset.from_dict({"id": list(documents.values()), "text": list(documents)}),
        "queries": Dataset.from_dict({"id": list(queries.values()), "text": list(queries)}),
        "relevant_docs": dict(relevant),
        "top_ranked": None,
    }


def local_tasks(names: Sequence[str]) -> list[AbsTask]:
    """In place of published tasks those that need no hub, of the same types; with their data.

    FileNotFoundError when the package with the STS benchmark is not installed.
    """
    types = {task.metadata.type for task in _mteb_tasks(names)}
    tasks = [task() for task in (StsbFromPackage, StsbRetrieval) if task.metadata.type in types]
    for task in tasks:
        task.load_data()
    return tasks


def published_tasks(names: Sequence[str]) -> list[AbsTask]:
    """mteb's own tasks with their data, from the hub or the local cache. FileNotFoundError for data that can't be had."""
    tasks = _mteb_tasks(names)
    for task in tasks:
        try:
            task.load_data()
        except (OSError, ValueError) as error:  # what datasets raises depends on why
            raise FileNotFoundError(f"the data of {task.metadata.name} can't be had: {error}") from error
    return tasks


def _mteb_tasks(names: Sequence[str]) -> list[AbsTask]:
    return list(mteb.get_tasks(tasks=list(names), languages=["eng"]))


def limit_task(task: AbsTask, samples: int) -> None:
    """Keep the first `samples` pairs of a loaded task, or queries, with their documents among 10 for each query."""
    for split in task.eval_splits:
        if not isinstance(task, AbsTaskRetrieval):
            data = task.dataset[split]
            task.dataset[split] = data.select(range(min(samples, len(data))))
            continue
        data = task.dataset["default"][split]
        queries = data["queries"].select(range(min(samples, len(data["queries"]))))
        relevant = {query: data["relevant_docs"][query] for query in queries["id"] if query in data["relevant_docs"]}
        needed = {document for documents in relevant.values() for document in documents}
        others = CORPUS_PER_QUERY * samples - len(needed)
        kept = []
        for i, document in enumerate(data["corpus"]["id"]):
            others -= document not in needed
            if document in needed or others >= 0:
                kept.append(i)
        data.update(queries=queries, relevant_docs=relevant, corpus=data["corpus"].select(kept))


def described(task: AbsTask) -> str:
    """Name and description."""
    return f"{task.metadata.name} ({task.metadata.description})"


def task_size(task: AbsTask) -> str:
    """What a loaded task is scored on: "1379 pairs", or "50 queries, 500 documents"."""
    (split,) = task.eval_splits
    if not isinstance(task, AbsTaskRetrieval):
        return f"{len(task.dataset[split])} pairs"
    data = task.dataset["default"][split]
    return f"{len(data['queries'])} queries, {len(data['corpus'])} documents"


def main_score(encoder: MtebEncoder, task: AbsTask) -> float:
    """mteb's main score of a loaded task, from 0 to 1."""
    result = mteb.evaluate(
        encoder,
        task,
        cache=None,
        overwrite_strategy="always",
        co2_tracker=False,
        encode_kwargs={"batch_size": 512, "show_progress_bar": False},
        show_progress_bar=False,
    )
    (task_result,) = result.task_results
    return task_result.get_score()
