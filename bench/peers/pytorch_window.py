"""Longformer's sliding window in PyTorch: queries in blocks as long as the window reaches, each with the
keys of its own and the two neighbouring blocks, so that all are one batch of products."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def window_context(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int, global_rows: int
) -> torch.Tensor:
    """(B, H, n, size) from q, which is scaled, k and v of that shape: every query sees `window` keys to
    each side and the first `global_rows`."""
    b, heads, n, size = q.shape
    blocks = -(-n // window)
    rest = blocks * window - n

    def neighbours(x: torch.Tensor) -> torch.Tensor:
        """(B, H, blocks, 3 · window, size)"""
        padded = F.pad(x, (0, 0, window, window + rest))
        return padded.unfold(2, 3 * window, window).transpose(-1, -2)

    queries = F.pad(q, (0, 0, 0, rest)).view(b, heads, blocks, window, size)
    scores = queries @ neighbours(k).transpose(-1, -2)
    scores = scores.add_(near(n, blocks, window, global_rows))
    if global_rows > 0:
        to_globals = q @ k[:, :, :global_rows].transpose(-1, -2)
        to_globals = F.pad(to_globals, (0, 0, 0, rest)).view(b, heads, blocks, window, global_rows)
        scores = torch.cat((to_globals, scores), -1)
    weights = F.softmax(scores, -1)
    context = weights[..., global_rows:] @ neighbours(v)
    if global_rows > 0:
        first = v[:, :, None, :global_rows]
        context = context + weights[..., :global_rows] @ first
    return context.view(b, heads, blocks * window, size)[:, :, :n]


MASKS: dict[tuple[int, int, int, int], torch.Tensor] = {}


def near(n: int, blocks: int, window: int, global_rows: int) -> torch.Tensor:
    """(blocks, window, 3 · window) to add to the scores: 0 for keys inside the window, −∞ for those
    outside, beyond the text or global, which have a column of their own. Made once."""
    key = (n, blocks, window, global_rows)
    if key not in MASKS:
        query = torch.arange(blocks * window).view(blocks, window, 1)
        column = (torch.arange(blocks)[:, None] - 1) * window + torch.arange(3 * window)
        column = column[:, None, :]
        seen = ((query - column).abs() <= window) & (column >= global_rows) & (column < n)
        # A row beyond the text sees something, or its softmax would be of nothing.
        seen |= (query >= n) & (column == query)
        MASKS[key] = torch.zeros(seen.shape).masked_fill(~seen, -math.inf)
    return MASKS[key]
