# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Semantic search: how files become passages, what an index refuses, and the command as users call it."""

import pytest
import torch
from transformers import AutoTokenizer

from models.demos.wormhole.bge_large_en.demo import interactive_demo
from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM, registry_minilm
from models.demos.wormhole.bge_large_en.demo.search.index import Maker, SearchIndex, load_index
from models.demos.wormhole.bge_large_en.demo.search.passages import Passage, read_passages, split_passages
from models.demos.wormhole.bge_large_en.demo.search.similarity_plot import hit_lines, plot_similarities
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES


@pytest.fixture(scope="module")
def folder():
    found = registry_minilm()
    if found is None:
        pytest.skip("no installed package holds all-MiniLM-L6-v2")
    return found


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return seeded_folder(tmp_path_factory.mktemp("tiny") / "tiny", **TINY)


def test_paragraphs_of_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("# a comment\none\nline\n\n\n two \n")
    (tmp_path / "deep" / "a.md").write_text(
        "<!-- not\nshown -->\n# Title\n## Part #\nfirst\n\nsecond\n```\n# code\n\nmore\n```\n# End\n", encoding="utf-8"
    )
    (tmp_path / "c.bin").write_bytes(b"\xff\xff")
    assert [(p.source, p.text) for p in read_passages(tmp_path)] == [
        ("b.txt", "one line"),
        ("b.txt", "two"),
        ("deep/a.md", "Title: Part: first"),
        ("deep/a.md", "second ``` # code more ```"),
        ("deep/a.md", "End"),
    ]
    assert read_passages(tmp_path / "b.txt")[0] == Passage("b.txt", "one line")


def test_what_can_not_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_passages(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"no text in files named \*\.txt"):
        read_passages(tmp_path)
    (tmp_path / "x.txt").write_bytes(b"good \xff bad")
    with pytest.raises(ValueError, match=r"x\.txt is not UTF-8 text \(byte 5\)"):
        read_passages(tmp_path)


@pytest.mark.parametrize("most", [8, 16, 32, 64])
def test_passages_fit_and_lose_nothing(folder, most):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [*SENTENCES, "antidisestablishmentarianism" * 40, "a b " * 100]
    for text in texts:
        whole = Passage("x", " ".join(text.split()))
        parts = split_passages([whole], tokenizer, most)
        lengths = [len(tokenizer(part.text, padding=False, truncation=False)["input_ids"]) for part in parts]
        assert max(lengths) <= most
        assert "".join("".join(part.text.split()) for part in parts) == "".join(whole.text.split())
        if len(tokenizer(whole.text, padding=False, truncation=False)["input_ids"]) <= most:
            assert parts == [whole]


def test_an_index_is_kept_and_refused_for_another_encoder(tmp_path):
    maker = Maker("some/model", "checksum", "performance", 128)
    vectors = torch.nn.functional.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    index = SearchIndex(maker, (Passage("a", "x"), Passage("b", "ÿ"), Passage("c", "z")), vectors)
    index.save(tmp_path / "index")
    loaded = load_index(tmp_path / "index", maker)
    assert loaded.passages == index.passages and torch.equal(loaded.vectors, vectors)
    assert [number for _, number in loaded.top(loaded.similarities(2 * vectors[1:2])[0], 9)][0] == 1
    for other, says in (
        (Maker("other/model", "checksum", "performance", 128), "model is 'some/model', here it is 'other/model'"),
        (Maker("some/model", "other", "performance", 128), "encoder is"),
        (Maker("some/model", "checksum", "accuracy", 128), "profile is 'performance', here it is 'accuracy'"),
        (Maker("some/model", "checksum", "performance", 64), "max_seq_len is 128, here it is 64"),
    ):
        with pytest.raises(ValueError, match="another encoder") as refused:
            load_index(tmp_path / "index", other)
        assert says in str(refused.value)
    (tmp_path / "other").write_bytes(b"{}")
    with pytest.raises(ValueError, match="not a search index"):
        load_index(tmp_path / "other", maker)


def test_hits_are_aligned():
    found = hit_lines([(0.5, Passage("a.txt", "one")), (-10.25, Passage("deep/b.md", "two"))])
    assert found.splitlines() == ["    0.500  a.txt      one", "  -10.250  deep/b.md  two"]


def test_plots_have_the_best_passages_and_a_fixed_scale(tmp_path, monkeypatch):
    figure = pytest.importorskip("matplotlib.figure")
    drawn = []
    monkeypatch.setattr(figure.Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    cosines = torch.tensor([[0.1, 0.9, -0.2], [0.3, 0.2, 0.4]])
    for queries in (1, 2):
        plot_similarities(tmp_path / "x.png", "ab"[:queries], ("same", "best", "same"), cosines[:queries], 2)
    (alone,), (first, second, matrix) = drawn[0].axes, drawn[1].axes[:3]
    for axes in (alone, first):
        assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.9, 0.1]) and axes.get_xlim() == (0, 1)
        assert [label.get_text() for label in axes.get_yticklabels()] == ["best", "same"]
    assert [bar.get_width() for bar in second.patches] == pytest.approx([0.4, 0.3])
    assert matrix.images[0].get_clim() == (0, 1) and [t.get_text() for t in matrix.texts][:3] == [
        "0.10",
        "0.90",
        "-0.20",
    ]


def run(capfd, *arguments) -> tuple[int, str, str]:
    code = interactive_demo.main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


def test_the_command(tiny, tmp_path, capfd, monkeypatch):
    """A text is nearest to itself with any weights; the index is used again, refused, and renewed for other texts."""
    notes, index, plot = tmp_path / "notes", tmp_path / "notes.index", tmp_path / "plot.png"
    notes.mkdir()
    (notes / "a.txt").write_text("the ferry leaves at six\n\nbees live on the roof\n\nthe kettle boiled")
    common = ["--texts", notes, "--model", tiny, "--max-seq-len", 64, "--index", index]
    code, out, err = run(capfd, *common, "--query", "bees live on the roof", "--query", "\udcff", "--plot", plot)
    assert code == 0 and "embedding" in err and "running on: " in err
    assert "Query: bees live on the roof\n  1.000  a.txt  bees live on the roof" in out
    assert "no Unicode text" in err
    assert plot.read_bytes().startswith(b"\x89PNG")
    typed = iter(["", "the kettle boiled", KeyboardInterrupt])

    def read(prompt):
        line = next(typed)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr(interactive_demo.converse, "__defaults__", (read,))
    code, out, err = run(capfd, *common, "--top-k", 1)
    assert code == 0 and "embedding" not in err and "  1.000  a.txt  the kettle boiled" in out
    code, out, err = run(capfd, *common, "--profile", "accuracy", "--query", "x")
    assert code == 1 and "profile is 'performance', here it is 'accuracy'" in err and not out
    (notes / "b.txt").write_text("a later note")
    code, out, err = run(capfd, *common, "--query", "a later note", "--top-k", 1)
    assert code == 0 and "embedding" in err and "  1.000  b.txt  a later note" in out
    code, out, err = run(capfd, *common[2:], "--texts", tmp_path / "absent", "--query", "x")
    assert code == 1 and "no such file or folder" in err


@pytest.mark.quality
def test_it_finds_the_right_passages(folder, capfd):
    """Real weights: passages that fp32 finds too, by 0.05 or more before the next."""
    wanted = {
        "Why do I have to weep in the kitchen?": "Onions make you cry",
        "I can't sign in any more": "If you have forgotten your password",
        "which planet is red?": "A year on Mars",
    }
    queries = [argument for query in wanted for argument in ("--query", query)]
    code, out, _ = run(capfd, "--model", MINILM, "--top-k", 1, *queries)
    assert code == 0
    for line, passage in zip(out.splitlines()[1::2], wanted.values(), strict=True):
        assert passage in line, out
