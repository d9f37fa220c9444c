# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Similarities as text and as a picture."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import torch


def similarity_matrix(labels: Sequence[str], similarities: torch.Tensor, width: int = 40) -> str:
    """(N, N) cosines of N texts as text: a numbered line each, the label cut to `width` characters, and the numbers."""
    short = [textwrap.shorten(label, width, placeholder="…") for label in labels]
    number = len(str(len(short)))
    left = max(map(len, short))
    lines = [" " * (number + 2 + left) + "".join(f"{i:6d}" for i in range(1, len(short) + 1))]
    for i, (label, row) in enumerate(zip(short, similarities.tolist(), strict=True), 1):
        lines.append(f"{i:{number}d}  {label:{left}}" + "".join(f"{value:6.2f}" for value in row))
    return "\n".join(lines)


def plot_similarities(path: Path, rows: Sequence[str], columns: Sequence[str], similarities: torch.Tensor) -> None:
    """Draw (rows, columns) cosines as a heat map with the numbers in it, to a PNG file.

    ModuleNotFoundError, saying what to install, without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a plot needs the package matplotlib: pip install matplotlib", name=error.name
        ) from None
    down, across = similarities.shape
    figure = Figure(figsize=(4.5 + 0.75 * across, 3.2 + 0.5 * down), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(similarities.numpy(), cmap="viridis", aspect="auto")
    axes.set_yticks(range(down), [textwrap.fill(textwrap.shorten(r, 70, placeholder="…"), 36) for r in rows])
    labels = [textwrap.fill(textwrap.shorten(column, 60, placeholder="…"), 32) for column in columns]
    axes.set_xticks(range(across), labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    middle = (similarities.min() + similarities.max()) / 2
    for i in range(down):
        for j in range(across):
            value = similarities[i, j].item()
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value < middle else "black")
    figure.colorbar(image, label="cosine similarity")
    figure.savefig(path, format="png", dpi=120)
