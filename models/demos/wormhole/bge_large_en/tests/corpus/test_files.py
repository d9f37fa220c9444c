# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Reading and cutting inputs: every row once, whatever the format and wherever it is cut. No Ray."""

import json

import pytest

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq

from models.demos.wormhole.bge_large_en.demo.corpus import files
from models.demos.wormhole.bge_large_en.demo.corpus.files import cut, find_sources, read

ROWS = [{"id": n, "text": f"text {n}" if n % 7 else None, "at": {"x": n / 2}} for n in range(50)]


def written(path, rows=ROWS):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=16)
    elif path.suffix == ".txt":
        path.write_text("".join(f"{row['text'] or ''}\n" for row in rows))
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("unit_rows", [1, 7, 16, 23, 50, 1000])
@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.txt"])
def test_units_hold_every_row_once_and_in_order(tmp_path, monkeypatch, name, unit_rows):
    monkeypatch.setattr(files, "LINES_AT_ONCE", 5)
    source = cut(written(tmp_path / name), "text", unit_rows)
    tables = [read(unit, source.columns, "text") for unit in source.units]
    assert source.rows == 50 and all(
        table.num_rows == u.rows <= unit_rows for (table, _), u in zip(tables, source.units)
    )
    whole = pa.concat_tables(table for table, _ in tables)
    if name == "a.txt":
        assert whole.column("text").to_pylist() == [row["text"] or "" for row in ROWS]
    else:
        assert (
            sorted(whole.column_names) == ["at", "id", "text"]
            and whole.select(["id", "text", "at"]).to_pylist() == ROWS
        )
    assert not any(bad for _, bad in tables) and len({unit.name for unit in source.units}) == len(source.units)


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.txt"])
def test_units_are_cut_at_bytes_too(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    source = cut(written(tmp_path / name), "text", 1000)
    assert len(source.units) > 2 and sum(read(u, source.columns, "text")[0].num_rows for u in source.units) == 50


def test_line_ends_and_a_last_line_without_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\n\ntwo")
    source = cut(str(path), "text", 2)
    texts = [read(unit, source.columns, "text")[0].column("text").to_pylist() for unit in source.units]
    assert texts == [["one", ""], ["two"]]
    (tmp_path / "none.txt").write_bytes(b"")
    assert cut(str(tmp_path / "none.txt"), "text", 2).units == []


def test_bad_lines_are_named_and_hold_nulls(tmp_path):
    lines = [
        b'{"id": 0, "text": "good"}',
        b"no JSON",
        b"[1]",
        b'{"id": 3, "text": 5}',
        b'{"id": 4, "text": "\\ud800"}',
        b'{"id": 5, "text": "caf\xe9"}',
        b'{"id": 6}',
        b"[" * 100_000,
    ]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    source = cut(str(path), "text", 100)
    table, bad = read(source.units[0], source.columns, "text")
    assert sorted(bad) == [1, 2, 3, 4, 5, 7]
    assert "no JSON" in bad[1] and "list" in bad[2] and "int" in bad[3] and "Unicode" in bad[4] and "no JSON" in bad[5]
    assert table.column("text").to_pylist() == ["good", *[None] * 7]
    assert table.column("id").to_pylist() == [0, *[None] * 5, 6, None]
    (tmp_path / "b.txt").write_bytes(b"good\ncaf\xe9\n")
    source = cut(str(tmp_path / "b.txt"), "text", 100)
    assert read(source.units[0], "", "text")[1] == {1: "the line is not UTF-8 at byte 3"}


def test_all_units_of_a_file_have_one_schema(tmp_path):
    rows = [{"text": "a", "n": None}, {"text": "b", "n": 1}, {"text": "c", "n": 1.5}, {"text": "d", "late": "x"}]
    source = cut(written(tmp_path / "a.jsonl", rows), "text", 1)
    schemas = {str(read(unit, source.columns, "text")[0].schema) for unit in source.units}
    assert len(schemas) == 1 and "n: double" in schemas.pop()


@pytest.mark.parametrize(
    "rows, column, words",
    [
        (ROWS, "body", r"'id', 'text', 'at'.*'body'"),
        (ROWS, "id", "'id'.*int64"),
        ([{"text": "a", "embedding": 1}], "text", "'embedding'"),
    ],
)
@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_files_that_cannot_be_used_are_named(tmp_path, name, rows, column, words):
    if name == "a.jsonl" and column != "text":
        return  # there a row without such a text is a bad row
    path = written(tmp_path / name, rows)
    with pytest.raises(ValueError, match=words) as error:
        cut(path, column, 10)
    assert path in str(error.value)


def test_columns_of_two_types_and_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="a.jsonl are of no one type"):
        cut(written(tmp_path / "a.jsonl", [{"text": "a", "n": 1}, {"text": "b", "n": "x"}]), "text", 1)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="b.parquet can't be read"):
        cut(str(tmp_path / "b.parquet"), "text", 1)


def test_patterns(tmp_path):
    for name in ("b/x.txt", "a/x.txt", "a/y.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path / name)
    found = find_sources([f"{tmp_path}/**/*.txt", f"{tmp_path}/a/*"])
    assert found == [f"{tmp_path}/{name}" for name in ("a/x.txt", "b/x.txt", "a/y.jsonl")]
    assert len({cut(path, "text", 100).units[0].name for path in found}) == 3
    with pytest.raises(FileNotFoundError, match="'no/such"):
        find_sources(["no/such*"])
    (tmp_path / "a" / "z.csv").touch()
    with pytest.raises(ValueError, match=r"z.csv' ends in '.csv'; allowed: .parquet"):
        find_sources([f"{tmp_path}/a/*"])
