# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts -> ids, the stages of a unit one after another, and what an output folder refuses. No Ray and no device."""

import json

import numpy as np
import pytest

pq = pytest.importorskip("pyarrow.parquet")

from models.demos.wormhole.bge_large_en.demo.corpus import ledger, stages
from models.demos.wormhole.bge_large_en.demo.corpus.files import cut
from models.demos.wormhole.bge_large_en.demo.corpus.ledger import Ledger
from models.demos.wormhole.bge_large_en.demo.corpus.texts import defined, definition, tokenise, tokenizer_of
from models.demos.wormhole.bge_large_en.demo.corpus.units import MAX_CHARACTERS
from models.demos.wormhole.bge_large_en.tests.corpus.conftest import fake_job
from models.demos.wormhole.bge_large_en.tests.corpus.fake_encoder import FakeEncoder, vector

TEXTS = ["a dog runs", None, "", " \n", "word " * 300, "x" * (MAX_CHARACTERS + 1), "two cats sleep"]


@pytest.fixture(scope="module")
def tokenizer(minilm):
    return tokenizer_of(str(minilm))


def made(minilm, truncate: bool = False):
    return defined(definition(str(minilm), 256, truncate))


def ids_of(tokenizer, text: str, **options) -> list[int]:
    return tokenizer(text, padding=False, **options)["input_ids"]


def test_bad_texts_are_named_with_value_and_limit(tokenizer, minilm):
    found = tokenise(TEXTS, made(minilm), 256)
    assert found.good == [0, 6] and found.ids == [ids_of(tokenizer, TEXTS[n], truncation=False) for n in (0, 6)]
    assert found.bad == {
        1: "there is no text",
        2: "the text is empty",
        3: "the text is empty",
        4: "the text has 302 tokens; the limit is 256 (--truncate cuts it)",
        5: "the text has 1000001 characters; the limit is 1000000",
    }
    assert tokenise(TEXTS[1:3], made(minilm), 256).ids == []


def test_long_texts_are_cut_when_asked_and_counted(tokenizer, minilm):
    found = tokenise(TEXTS, made(minilm, truncate=True), 256)
    assert found.good == [0, 4, 6] and sorted(found.bad) == [1, 2, 3, 5] and found.truncated == 1
    assert found.ids[1] == ids_of(tokenizer, TEXTS[4], truncation=True, max_length=256) and len(found.ids[1]) == 256


def test_the_prefix_is_part_of_the_text(tokenizer, minilm):
    found = tokenise(["a dog"], made(minilm), 256, prefix="passage: ")
    assert found.ids == [ids_of(tokenizer, "passage: a dog")]


def staged(job, path, unit_rows=100) -> list[dict]:
    source = cut(str(path), job.text_column, unit_rows)
    with_fake = stages.Embed(job, FakeEncoder)
    rows = [stages.unit_row(unit, source.columns) for unit in source.units]
    tokenizer = definition(job.folder, job.encoder.max_tokens, job.truncate)
    return [stages.write(with_fake(stages.read_and_tokenise(row, job, tokenizer)), job) for row in rows]


def test_a_vector_beyond_its_dtype_is_an_error(tmp_path, minilm, texts_file):
    job = fake_job(tmp_path / "out", minilm, skip=True, dtype="float16")
    Ledger.open(job).close()
    source = cut(str(texts_file), "text", 100)
    tokenizer = definition(job.folder, job.encoder.max_tokens, job.truncate)
    row = stages.read_and_tokenise(stages.unit_row(source.units[0], source.columns), job, tokenizer)
    embed = stages.Embed(job, lambda *_: lambda ids: (np.full((len(ids), 8), 1e5, np.float32), 0))
    with pytest.raises(ValueError, match=r"a vector holds 100000; float16 holds up to 65504"):
        embed(row)


@pytest.fixture
def texts_file(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(TEXTS)))
    return path


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_stages_write_columns_vectors_metadata_and_bad_rows(tmp_path, minilm, tokenizer, texts_file, dtype):
    job = fake_job(tmp_path / "out", minilm, skip=True, dtype=dtype)
    held = Ledger.open(job)
    (counts,) = staged(job, texts_file)
    table = pq.read_table(tmp_path / "out" / counts["name"])
    kind = {"float32": "float", "float16": "halffloat"}[dtype]
    assert str(table.schema.field("embedding").type) == f"fixed_size_list<element: {kind}>[8]"
    assert table.column("id").to_pylist() == [0, 6] and table.column("text").to_pylist() == [TEXTS[0], TEXTS[6]]
    expected = [vector(ids_of(tokenizer, TEXTS[n]), 8) for n in (0, 6)]
    assert np.array_equal(np.array(table.column("embedding").to_pylist(), dtype), np.array(expected, dtype))
    facts = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert facts["tt_bge.checkpoint"] == "fake" and facts["tt_bge.weights_sha256"] == "00"
    assert facts["tt_bge.profile"] == "performance" and facts["tt_bge.pooling"] == "mean"
    assert facts["tt_bge.source"] == str(texts_file) and json.loads(facts["tt_bge"])["rows"] == 7
    assert (counts["rows"], counts["texts"], counts["bad"]) == (7, 2, 5)
    assert held.bad_rows() == 5
    listed = [json.loads(line) for line in (tmp_path / "out" / ledger.ALL_ERRORS).read_text().splitlines()]
    assert [row["row"] for row in listed] == [1, 2, 3, 4, 5] and {row["file"] for row in listed} == {str(texts_file)}
    held.close()


def test_a_unit_of_bad_rows_alone_counts_as_done(tmp_path, minilm):
    (tmp_path / "in.txt").write_text("\n\n")
    job = fake_job(tmp_path / "out", minilm, skip=True)
    held = Ledger.open(job)
    (counts,) = staged(job, tmp_path / "in.txt")
    assert counts["texts"] == 0 and counts["bad"] == 2 and held.done() == {counts["name"]}
    held.close()


def test_the_first_bad_row_ends_a_job_that_does_not_skip(tmp_path, minilm, texts_file):
    with pytest.raises(stages.BadRow, match=r"in.jsonl, row 1: there is no text"):
        staged(fake_job(tmp_path, minilm), texts_file)


def test_a_unit_at_which_processes_die_is_given_up(tmp_path, minilm, texts_file):
    job = fake_job(tmp_path / "out", minilm)
    Ledger.open(job).close()
    (unit,) = cut(str(texts_file), "text", 100).units
    for _ in range(ledger.MOST_TRIES):
        ledger.begin(job.output, unit)
    with pytest.raises(RuntimeError, match="in.jsonl, rows 0 to 6: 4 processes died at it"):
        ledger.begin(job.output, unit)
    Ledger.open(job).close()  # another run tries again
    ledger.begin(job.output, unit)


def test_units_are_cut_once_and_done_ones_are_known(tmp_path, minilm, texts_file):
    job = fake_job(tmp_path / "out", minilm, skip=True)
    cut_files = []

    def cut_all(paths):
        cut_files.extend(paths)
        return [cut(path, "text", 3) for path in paths]

    for _ in range(2):
        held = Ledger.open(job)
        units = held.units([str(texts_file)], cut_all)
        assert [unit.rows for unit in units] == [3, 3, 1]
        held.close()
        staged(job, texts_file, 3)
        (tmp_path / "out" / f"{ledger.UNFINISHED}x").write_bytes(b"half a file")
    assert cut_files == [str(texts_file)] and held.done() == {unit.name for unit in units}
    held = Ledger.open(job)
    assert not list((tmp_path / "out").glob(f"{ledger.UNFINISHED}*"))
    texts_file.write_text(texts_file.read_text() + "\n")
    with pytest.raises(ValueError, match=r"in.jsonl has changed since .* delete in-.{8}-\*.parquet"):
        held.units([str(texts_file)], cut_all)
    for name in held.done():
        (tmp_path / "out" / name).unlink()
    assert [unit.rows for unit in held.units([str(texts_file)], cut_all)] == [3, 3, 2]
    held.close()


@pytest.mark.parametrize(
    "change, words", [({"prefix": "q: "}, "prefix is '', here it is 'q: '"), ({"truncate": True}, "truncate")]
)
def test_another_job_is_refused(tmp_path, minilm, change, words):
    first = Ledger.open(fake_job(tmp_path, minilm))
    with pytest.raises(ValueError, match="another job writes to"):
        Ledger.open(fake_job(tmp_path, minilm))
    first.save()
    first.close()
    with pytest.raises(ValueError, match=words):
        Ledger.open(fake_job(tmp_path, minilm, **change))
    Ledger.open(fake_job(tmp_path, minilm, skip=True)).close()  # what a bad row does is of no vector


def test_a_folder_of_others_is_refused(tmp_path, minilm):
    (tmp_path / "theirs.parquet").touch()
    with pytest.raises(ValueError, match="holds Parquet files and no _job.json"):
        Ledger.open(fake_job(tmp_path, minilm))
    with pytest.raises(ValueError, match="is no folder"):
        Ledger.open(fake_job(tmp_path / "theirs.parquet", minilm))
