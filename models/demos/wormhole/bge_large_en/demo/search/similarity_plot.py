# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Similarities as text and as a picture."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from models.demos.wormhole.bge_large_en.demo.search.passages import Passage


def similarity_matrix(labels: Sequence[str], similarities: torch.Tensor, width: int = 40) -> str:
    """(N, N) cosines of N texts as text: a numbered line each, the label cut to `width` characters, and the numbers."""
    short = [textwrap.shorten(label, width, placeholder="…") for label in labels]
    number = len(str(len(short)))
    left = max(map(len, short))
    lines = [" " * (number + 2 + left) + "".join(f"{i:6d}" for i in range(1, len(short) + 1))]
    for i, (label, row) in enumerate(zip(short, similarities.tolist(), strict=True), 1):
        lines.append(f"{i:{number}d}  {label:{left}}" + "".join(f"{value:6.2f}" for value in row))
    return "\n".join(lines)


def hit_lines(hits: Iterable[tuple[float, Passage]]) -> str:
    """Scores and passages as text in columns: score, source, text; a line each."""
    rows = [(f"{score:.3f}", passage.source, passage.text) for score, passage in hits]
    score, source = (max((len(row[i]) for row in rows), default=0) for i in (0, 1))
    return "\n".join(f"  {row[0]:>{score}}  {row[1]:{source}}  {row[2]}" for row in rows)


def plot_similarities(path: Path, rows: Sequence[str], columns: Sequence[str], similarities: torch.Tensor, k: int):
    """Draw the k best of each row's (rows, columns) cosines as bars and, of several rows, all of them as a matrix below.

    To a PNG file; both on a scale from 0 to 1. ModuleNotFoundError, saying what to install, without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a plot needs the package matplotlib: pip install matplotlib", name=error.name
        ) from None
    labels = [textwrap.fill(textwrap.shorten(column, 90, placeholder="…"), 48) for column in columns]
    titles = [textwrap.shorten(row, 80, placeholder="…") for row in rows]
    heights = [0.8 + 0.45 * k] * len(rows) + [3.4 + 0.4 * len(rows)] * (len(rows) > 1)
    figure = Figure(figsize=(max(10, 4 + 0.7 * len(columns)), sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    for axes, title, row in zip(panels, titles, similarities):
        values, best = row.topk(min(k, len(row)))
        bars = axes.barh(range(len(best)), values.clamp(0, 1).numpy(), color="#5b4bc4")
        axes.bar_label(bars, [f"{value:.3f}" for value in values.tolist()], padding=4)
        axes.set_yticks(range(len(best)), [labels[i] for i in best.tolist()])
        axes.set(xlim=(0, 1), title=title)
        axes.invert_yaxis()
    if len(rows) > 1:
        axes = panels[-1]
        image = axes.imshow(similarities.numpy(), cmap="Purples", vmin=0, vmax=1, aspect="auto")
        axes.set_yticks(range(len(rows)), [textwrap.fill(title, 36) for title in titles])
        axes.set_xticks(range(len(columns)), labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
        for (i, j), value in np.ndenumerate(similarities.numpy()):
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.5 else "black")
        figure.colorbar(image, label="cosine similarity")
    figure.savefig(path, format="png", dpi=120)
