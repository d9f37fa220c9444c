# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How near two sets of vectors are; all fp64 inside."""

import torch


def pcc(a: torch.Tensor, b: torch.Tensor) -> float:
    """Pearson correlation of all elements."""
    return torch.corrcoef(torch.stack([a.flatten().double(), b.flatten().double()]))[0, 1].item()


def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(N, H), (N, H) -> (N,) cosine of each pair of rows."""
    return torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=-1)


def centred_cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """cosines after the mean over the batch is removed from each: sentences agree to 0.9 anyway, this does not."""
    return cosines(a - a.mean(0), b - b.mean(0))
