# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The evaluation: who gets the query instruction, what the derived task is, what a limit keeps, what the command prints."""

import json

import pytest

pytest.importorskip("datasets")

import torch
from datasets import Dataset

from models.demos.wormhole.bge_large_en.demo import dataset_evaluation
from models.demos.wormhole.bge_large_en.demo.checkpoints import STSB_PACKAGE, stsb_test
from models.demos.wormhole.bge_large_en.demo.evaluation.report import Score, report, table
from models.demos.wormhole.bge_large_en.demo.text_encoder import query_instruction
from models.demos.wormhole.bge_large_en.reference import published
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder
from models.demos.wormhole.bge_large_en.tt.checkpoint import longest_input

mteb_tasks = pytest.importorskip(
    "models.demos.wormhole.bge_large_en.demo.evaluation.mteb_tasks", reason="needs the package mteb"
)

PAIRS = [
    ("a man plays a flute", "a man plays a bamboo flute", 5.0),
    ("a man plays a flute", "someone makes music", 4.2),
    ("a dog runs", "a dog is running", 4.75),
    ("a cat sleeps", "a plane lands", 0.0),
    ("two women talk", "someone makes music", 3.99),
]


class Words:
    """An encoder that counts words of the pairs above, and remembers what it was given."""

    words = sorted({word for pair in PAIRS for text in pair[:2] for word in text.split()})

    def __init__(self):
        self.seen = []

    def __call__(self, texts):
        self.seen += texts
        return torch.tensor([[float(text.split().count(word)) for word in self.words] for text in texts])


@pytest.fixture
def pairs(monkeypatch):
    monkeypatch.setattr(mteb_tasks, "stsb_test", lambda: PAIRS)


def test_only_queries_of_retrieval_get_the_instruction(pairs):
    instruction = "Represent this: "
    sts, retrieval = mteb_tasks.local_tasks(["STS12", "ArguAna"])
    words = Words()
    mteb_tasks.main_score(mteb_tasks.MtebEncoder(words, "a/b", instruction), sts)
    assert sorted(words.seen) == sorted({text for pair in PAIRS for text in pair[:2]})
    words = Words()
    score = mteb_tasks.main_score(mteb_tasks.MtebEncoder(words, "a/b", instruction), retrieval)
    queries = {instruction + text for text in ("a man plays a flute", "a dog runs")}
    assert set(words.seen) == queries | {pair[1] for pair in PAIRS}
    assert 0.5 < score < 1  # "someone makes music" shares no word with its query


def test_local_tasks_are_of_the_types_asked_for(pairs):
    named = {"STSBenchmark": "STSBenchmark-package", "SciFact": "STSBenchmark-derived-retrieval"}
    for published_name, name in named.items():
        assert [task.metadata.name for task in mteb_tasks.local_tasks([published_name])] == [name]


def test_the_derived_task():
    data = mteb_tasks.derived_retrieval(PAIRS)
    text_of = {row["id"]: row["text"] for part in ("queries", "corpus") for row in data[part]}
    relevant = {text_of[q]: {text_of[d]: r for d, r in docs.items()} for q, docs in data["relevant_docs"].items()}
    assert relevant == {
        "a man plays a flute": {"a man plays a bamboo flute": 2, "someone makes music": 1},
        "a dog runs": {"a dog is running": 1},
    }
    assert sorted(data["corpus"]["text"]) == sorted({pair[1] for pair in PAIRS})


def test_a_limit_keeps_what_is_relevant(pairs, monkeypatch):
    monkeypatch.setattr(mteb_tasks, "CORPUS_PER_QUERY", 3)
    sts, retrieval = mteb_tasks.local_tasks(["STS12", "ArguAna"])
    mteb_tasks.limit_task(sts, 3)
    mteb_tasks.limit_task(retrieval, 1)
    assert (mteb_tasks.task_size(sts), mteb_tasks.task_size(retrieval)) == ("3 pairs", "1 queries, 3 documents")
    data = retrieval.dataset["default"]["test"]
    assert {d for docs in data["relevant_docs"].values() for d in docs} <= set(data["corpus"]["id"])


def test_the_published_data_come_from_mteb(monkeypatch):
    """The real tasks of all names, their data replaced where they would be fetched."""
    fetched = Dataset.from_dict({"sentence1": ["a", "b", "c"], "sentence2": ["a", "c", "b"], "score": [5.0, 1.0, 2.0]})
    monkeypatch.setattr("mteb.abstasks.abstask.load_dataset", lambda *args, **kwargs: {"test": fetched})
    (task,) = mteb_tasks.published_tasks(["STS13"])
    assert (task.metadata.name, task.metadata.main_score) == ("STS13", "cosine_spearman")
    found = {task.metadata.name for task in mteb_tasks._mteb_tasks(dataset_evaluation.TASKS)}
    assert found == set(dataset_evaluation.TASKS) and len(found) == 9

    def refuse(*args, **kwargs):
        raise ConnectionError("no way to the hub")

    monkeypatch.setattr("mteb.abstasks.abstask.load_dataset", refuse)
    with pytest.raises(FileNotFoundError, match="the data of STS13 can't be had: no way to the hub"):
        mteb_tasks.published_tasks(["STS13"])


def test_the_hub_not_answering_is_said(pairs, monkeypatch):
    said = []
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(dataset_evaluation.constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(dataset_evaluation.logger, "warning", said.append)
    monkeypatch.setattr(dataset_evaluation, "hub_has_dataset", lambda name: False)
    tasks = dataset_evaluation.load_tasks(["STS12", "SciFact"], limit=2)
    assert [mteb_tasks.task_size(task) for task in tasks] == ["2 pairs", "2 queries, 4 documents"]
    assert "the Hugging Face hub does not answer" in said[0] and "DERIVED from the STS benchmark" in said[0]


def test_the_instruction_of_a_checkpoint(tmp_path):
    assert query_instruction(tmp_path, published.BGE_SMALL).startswith("Represent this sentence")
    assert query_instruction(tmp_path, "/models/bge-large-en-v1.5/").startswith("Represent this sentence")
    assert query_instruction(tmp_path, published.MINILM) == query_instruction(tmp_path, "bge-large-zh") == ""
    (tmp_path / "config_sentence_transformers.json").write_text('{"prompts": {"query": "find: ", "document": ""}}')
    assert query_instruction(tmp_path, published.BGE_SMALL) == "find: "
    (tmp_path / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 512}')
    assert longest_input(tmp_path) == 512
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 256}')
    assert longest_input(tmp_path) == 256


def test_table_and_report():
    scores = [
        Score("STSBenchmark", "cosine_spearman", "1379 pairs", "performance", 87.5, 87.52, 87.519),
        Score("SciFact", "ndcg_at_10", "10 queries, 100 documents", "accuracy", 74.0, 73.0),
    ]
    lines = table(scores).split("\n")
    assert (
        lines[1].split()
        == "STSBenchmark 1379 pairs cosine_spearman performance 87.500 87.520 -0.020 87.519 -0.019".split()
    )
    assert lines[2].split()[-5:] == ["74.000", "73.000", "+1.000", "-", "-"]
    assert len({len(line) for line in lines}) == 1
    first = report(scores, model="m")["scores"][0]
    assert first["to_published"] == pytest.approx(-0.019) and first["to_reference"] == pytest.approx(-0.02)


def test_the_command(tmp_path, capsys):
    try:
        stsb_test()
    except FileNotFoundError:
        pytest.skip(f"{STSB_PACKAGE} is not installed")
    folder = seeded_folder(tmp_path / "tiny", **TINY)
    output = tmp_path / "scores.json"
    arguments = ["--model", folder, "--name", published.BGE_LARGE, "--offline", "--limit", 4, "--max-seq-len", 64]
    assert dataset_evaluation.main([*map(str, arguments), "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "runs on: " in printed and "Represent this sentence" in printed
    found = json.loads(output.read_text())
    assert found["limit"] == 4 and found["query_instruction"].startswith("Represent")
    assert [score["task"] for score in found["scores"]] == ["STSBenchmark-package", "STSBenchmark-derived-retrieval"]
    for score in found["scores"]:
        assert score["published"] is None and score["size"].startswith("4 ")
        assert f"{score['device']:.3f}" in printed and f"{score['reference']:.3f}" in printed
    assert dataset_evaluation.main(["--model", str(tmp_path / "absent"), "--offline"]) == 1
    assert "no such folder" in capsys.readouterr().err
