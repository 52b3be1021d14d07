"""Position encodings in PyTorch, written from their papers' formulae: the reference of golden files.

An encoding enters at the input sum (`input_rows`), turns queries and keys (`turned`), or adds to the
scores (`scores`) and the values (`context`). Shapes: H heads of `size` columns, n queries that are
the last of m rows. Trained values are under posbench's names: `position` serves all layers,
`layer0.position` one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

EPSILON = 1e-12
SHAW_REACH = 16


@dataclass(frozen=True)
class Encoding:
    name: str
    convention: str
    hidden: int
    heads: int
    causal: bool
    max_length: int
    position_rms: float = 0.0

    @property
    def size(self) -> int:
        return self.hidden // self.heads


def shared_shape(e: Encoding) -> tuple[int, int] | None:
    if e.name in ("learned", "sinusoid_trainable"):
        return (e.max_length, e.hidden)
    if e.name == "t5_bias":
        return (32, e.heads)
    if e.name == "tupe":
        return ((e.max_length + 2 + 2 * e.hidden) * e.hidden + 2 * e.heads, 1)
    return None


def layer_shape(e: Encoding) -> tuple[int, int] | None:
    if e.name == "shaw":
        tables = 2 if e.convention == "keys_values" else 1
        return (tables * (2 * SHAW_REACH + 1), e.hidden)
    if e.name == "transformer_xl":
        return (e.hidden + 2, e.hidden)
    return None


def sinusoid(e: Encoding) -> Tensor:
    """Rows (max_length, d) of Vaswani et al. 2017, §3.5, at the scale asked for (0: as they are)."""
    d, half = e.hidden, e.hidden // 2
    rows = torch.empty(e.max_length, d)
    for t in range(e.max_length):
        for i in range(half):
            if e.convention == "interleaved":
                angle = t / 10000.0 ** (2 * i / d)
                at_sin, at_cos = 2 * i, 2 * i + 1
            else:
                angle = t / 10000.0 ** (i / (half - 1))
                at_sin, at_cos = i, half + i
            rows[t, at_sin], rows[t, at_cos] = math.sin(angle), math.cos(angle)
    # sin² + cos² = 1 in each pair: the root mean square of a row is √½.
    return rows * (e.position_rms * math.sqrt(2) if e.position_rms > 0 else 1.0)


def input_rows(e: Encoding, values: dict[str, Tensor], n: int) -> Tensor | None:
    """What the first n rows of a text gain (n, d)."""
    if e.name in ("learned", "sinusoid_trainable"):
        return values["position"][:n]
    return sinusoid(e)[:n] if e.name == "sinusoid" else None


def turned(e: Encoding, x: Tensor, positions: list[int]) -> Tensor:
    """Queries or keys (H, n, size) turned by their positions: Su 2021, equation 34."""
    if e.name != "rope":
        return x
    rotated = e.size // 4 if e.convention == "halves_quarter" else e.size
    planes = rotated // 2
    result = x.clone()
    for row, position in enumerate(positions):
        for i in range(planes):
            first, second = (2 * i, 2 * i + 1) if e.convention == "pairs" else (i, planes + i)
            angle = position * 10000.0 ** (-2 * i / rotated)
            a, b = x[:, row, first], x[:, row, second]
            result[:, row, first] = a * math.cos(angle) - b * math.sin(angle)
            result[:, row, second] = a * math.sin(angle) + b * math.cos(angle)
    return result


def alibi_slopes(heads: int) -> list[float]:
    """Press 2022, §3; of a number that is no power of two as in the authors' code."""

    def of_power(count: int) -> list[float]:
        return [2.0 ** (-8.0 * (head + 1) / count) for head in range(count)]

    below = 2 ** int(math.log2(heads))
    return of_power(below) + of_power(2 * below)[0::2][: heads - below]


def t5_bucket(distance: int, causal: bool) -> int:
    """Raffel 2020, of key − query: 32 buckets, half of a side's one step wide, the rest by
    logarithm up to a distance of 128."""
    buckets, bucket = 32, 0
    if causal:
        steps = max(-distance, 0)
    else:
        buckets //= 2
        bucket, steps = (buckets if distance > 0 else 0), abs(distance)
    single = buckets // 2
    if steps < single:
        return bucket + steps
    share = math.log(steps / single) / math.log(128 / single)
    return bucket + min(buckets - 1, single + int(share * (buckets - single)))


def by_distance(rows: Tensor, reach: int, n: int, m: int) -> Tensor:
    """Of rows (2 · reach + 1, …) from −reach on, that of key j − query i, clipped: (n, m, …)."""
    queries, keys = torch.arange(m - n, m).unsqueeze(1), torch.arange(m).unsqueeze(0)
    return rows[(keys - queries).clamp(-reach, reach) + reach]


def by_heads(e: Encoding, rows: Tensor) -> Tensor:
    """(…, d) as (…, H, size)."""
    return rows.unflatten(-1, (e.heads, e.size))


def scores(e: Encoding, values: dict[str, Tensor], layer: int, q: Tensor, k: Tensor) -> Tensor:
    """(H, n, m) from q (H, n, size) and k (H, m, size), all terms and scales included."""
    n, m = q.shape[1], k.shape[1]
    root = math.sqrt(e.size)
    content = q @ k.transpose(1, 2) / root
    distances = [[j - i for j in range(m)] for i in range(m - n, m)]
    if e.name == "alibi":
        steps = torch.tensor(distances).abs()
        return content - torch.tensor(alibi_slopes(e.heads)).view(-1, 1, 1) * steps
    if e.name == "t5_bias":
        buckets = [[t5_bucket(distance, e.causal) for distance in row] for row in distances]
        return content + values["position"][torch.tensor(buckets)].permute(2, 0, 1)
    if e.name == "shaw":  # equation 4
        table = values[f"layer{layer}.position"][: 2 * SHAW_REACH + 1]
        keys = by_heads(e, by_distance(table, SHAW_REACH, n, m))
        return content + torch.einsum("hnc,nmhc->hnm", q, keys) / root
    if e.name == "transformer_xl":  # §3.3
        trained = values[f"layer{layer}.position"]
        projection, u, v = trained[: e.hidden], trained[e.hidden], trained[e.hidden + 1]
        half = e.hidden // 2
        rows = torch.empty(2 * m - 1, e.hidden)
        for row in range(2 * m - 1):
            for i in range(half):
                angle = (m - 1 - row) * 10000.0 ** (-2 * i / e.hidden)  # of query − key
                rows[row, i], rows[row, half + i] = math.sin(angle), math.cos(angle)
        keys = by_heads(e, by_distance(rows @ projection, m - 1, n, m))
        by_u = (q + by_heads(e, u).unsqueeze(1)) @ k.transpose(1, 2)
        by_v = torch.einsum("hnc,nmhc->hnm", q + by_heads(e, v).unsqueeze(1), keys)
        return (by_u + by_v) / root
    if e.name == "tupe":  # equations 7 to 10
        return content / math.sqrt(2) + tupe_bias(e, values["position"].reshape(-1), n)
    return content


def tupe_bias(e: Encoding, trained: Tensor, n: int) -> Tensor:
    """(H, n, n): of places alone, the first row untied from them."""
    d, heads, size = e.hidden, e.heads, e.size
    parts = [e.max_length * d, d, d, d * d, d * d, heads, heads]
    p, gamma, beta, to_queries, to_keys, from_first, to_first = trained.split(parts)
    rows = p.view(-1, d)[:n]
    centred = rows - rows.mean(-1, keepdim=True)
    normed = centred / (centred.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt() * gamma + beta
    q, k = (normed @ matrix.view(heads, d, size) for matrix in (to_queries, to_keys))
    bias = q @ k.transpose(1, 2) / math.sqrt(2 * size)
    row, column = torch.arange(n).view(1, n, 1), torch.arange(n).view(1, 1, n)
    bias = torch.where(column == 0, to_first.view(-1, 1, 1), bias)
    return torch.where(row == 0, from_first.view(-1, 1, 1), bias)


def context(e: Encoding, values: dict[str, Tensor], layer: int, p: Tensor, v: Tensor) -> Tensor:
    """(H, n, size) from weights p (H, n, m) and v (H, m, size); Shaw 2018, equation 3."""
    result = p @ v
    if e.name == "shaw" and e.convention == "keys_values":
        table = values[f"layer{layer}.position"][2 * SHAW_REACH + 1 :]
        rows = by_heads(e, by_distance(table, SHAW_REACH, p.shape[1], p.shape[2]))
        result = result + torch.einsum("hnm,nmhc->hnc", p, rows)
    return result
