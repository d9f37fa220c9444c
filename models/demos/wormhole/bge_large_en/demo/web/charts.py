# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What is drawn: hits with bars, the map, the matrix of similarities."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import altair
import numpy as np
import pandas

from models.demos.wormhole.bge_large_en.demo.search.passages import Passage
from models.demos.wormhole.bge_large_en.demo.web.texts import file_of

STYLE = """<style>
.hit { display: grid; grid-template-columns: minmax(3.5rem, 16%) 1fr; gap: 0 0.9rem; padding: 0.55rem 0;
       border-bottom: 1px solid rgba(128, 128, 128, 0.25); overflow-wrap: anywhere; }
.hit .bar { height: 0.55rem; border-radius: 0.3rem; background: rgba(128, 128, 128, 0.25); margin-top: 0.2rem; }
.hit .bar div { height: 100%; border-radius: 0.3rem; background: #5b4bc4; }
.hit b { font-variant-numeric: tabular-nums; }
.hit .from { opacity: 0.7; font-size: 0.85rem; }
</style>"""

QUERY_COLOUR, MAP_HEIGHT = "#5b4bc4", 520
NEAREST = 5  # passages that a line joins with the query: two dimensions keep few of the distances


@dataclass(frozen=True)
class Hit:
    """score: cosine, or what a cross-encoder says. share: of the bar that is filled, 0 to 1. note: beside the source."""

    passage: Passage
    score: float
    share: float
    note: str = ""


def hits(found: Sequence[Hit]) -> str:
    """HTML of a list of hits, best first."""
    rows = []
    for hit in found:
        width = 100 * min(max(hit.share, 0.0), 1.0)
        source = html.escape(" · ".join(filter(None, (hit.passage.source, hit.note))))
        rows.append(
            f'<div class="hit" role="listitem"><div><b>{hit.score:.3f}</b>'
            f'<div class="bar"><div style="width: {width:.0f}%"></div></div></div>'
            f'<div>{html.escape(hit.passage.text)}<div class="from">{source}</div></div></div>'
        )
    return f'{STYLE}<div role="list">{"".join(rows)}</div>'


def plane(vectors: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """PCA of (n, H): (n, 2), (m, 2) of the others in the same plane, and the share of the variance that is in it."""
    middle = vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(vectors - middle, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2].sum(axis=1, keepdims=True))  # an axis has no sign of its own
    kept = float((sizes[:2] ** 2).sum() / max((sizes**2).sum(), 1e-12))
    return (vectors - middle) @ axes.T, (others - middle) @ axes.T, kept


def passage_map(
    passages: Sequence[Passage], places: np.ndarray, similar: np.ndarray | None, query: str, at: np.ndarray
) -> altair.LayerChart | altair.Chart:
    """Points (n, 2) coloured by file, and the query, if any, at (1, 2). similar: (n,) cosines to it."""
    table = pandas.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "file": [file_of(passage) for passage in passages],
            "source": [passage.source for passage in passages],
            "text": [_short(passage.text) for passage in passages],
            "similarity": similar if similar is not None else np.nan,
        }
    )
    axis = altair.Axis(labels=False, ticks=False, title=None, grid=False, domain=False)
    tips = ["text", "source"] + ([altair.Tooltip("similarity", format=".3f")] if similar is not None else [])
    points = (
        altair.Chart(table)
        .mark_circle(size=110, opacity=0.85)
        .encode(
            x=altair.X("x", axis=axis, scale=altair.Scale(zero=False)),
            y=altair.Y("y", axis=axis, scale=altair.Scale(zero=False)),
            color=altair.Color(
                "file",
                scale=altair.Scale(scheme="tableau10" if table["file"].nunique() <= 10 else "tableau20"),
                legend=altair.Legend(orient="bottom", title=None, columns=3, labelLimit=84),
            ),
            tooltip=tips,
        )
    )
    if not query:
        return points.properties(height=MAP_HEIGHT)
    assert similar is not None
    here = pandas.DataFrame({"x": at[:, 0], "y": at[:, 1], "text": [query]})
    near = table.iloc[np.argsort(-similar, kind="stable")[:NEAREST]].assign(x2=at[0, 0], y2=at[0, 1])
    lines = altair.Chart(near).mark_rule(color=QUERY_COLOUR, opacity=0.5).encode(x="x", y="y", x2="x2", y2="y2")
    star = (
        altair.Chart(here)
        .mark_point(shape="diamond", filled=True, size=320, color=QUERY_COLOUR, opacity=1)
        .encode(x="x", y="y", tooltip=altair.Tooltip("text", title="query"))
    )
    name = (
        altair.Chart(here)
        .mark_text(dy=-18, fontSize=13, fontWeight="bold", color=QUERY_COLOUR, limit=320)
        .encode(x="x", y="y", text="text")
    )
    return (lines + points + star + name).properties(height=MAP_HEIGHT)


def matrix(texts: Sequence[str], similarities: np.ndarray) -> altair.LayerChart:
    """(n, n) cosines of n texts, on a fixed scale from 0 to 1."""
    names = [f"{number}. {_short(text, 48)}" for number, text in enumerate(texts, 1)]
    numbers = [str(number) for number in range(1, len(texts) + 1)]
    table = pandas.DataFrame(
        [
            (names[i], numbers[j], float(similarities[i, j]), _short(texts[i]), _short(texts[j]))
            for i in range(len(texts))
            for j in range(len(texts))
        ],
        columns=["row", "column", "similarity", "text", "other"],
    )
    base = altair.Chart(table).encode(
        x=altair.X("column", sort=numbers, title=None, axis=altair.Axis(orient="top", labelAngle=0)),
        y=altair.Y("row", sort=names, title=None, axis=altair.Axis(labelLimit=300)),
        tooltip=[altair.Tooltip("similarity", format=".3f"), "text", "other"],
    )
    scale = altair.Scale(scheme="purples", domain=[0, 1], clamp=True)
    cells = base.mark_rect().encode(color=altair.Color("similarity", scale=scale, legend=altair.Legend(title=None)))
    dark = altair.condition("datum.similarity > 0.5", altair.value("white"), altair.value("#222"))
    values = base.mark_text(fontSize=12).encode(text=altair.Text("similarity", format=".2f"), color=dark)
    return (cells + values).properties(height=altair.Step(34))


def _short(text: str, most: int = 240) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
