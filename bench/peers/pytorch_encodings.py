"""Position encodings in PyTorch, written to be fast: what does not hang on the input is made once,
biases are shared by all layers, and distances come from strides instead of indices."""

from __future__ import annotations

import math
from typing import Callable

import torch
import torch.nn.functional as F

from job import Job

SHAW_REACH = 16
T5_BUCKETS, T5_DISTANCE = 32, 128
EPSILON = 1e-12
Value = Callable[[str], torch.Tensor]  # a trained tensor by its name


class Positions:
    """One encoding. Shapes: B sequences of n rows, H heads of `size` columns."""

    def __init__(self, job: Job, value: Value, causal: bool) -> None:
        self.name, self.convention = job.encoding, job.convention
        self.causal = causal
        self.hidden, self.heads = job.shape["hidden"], job.shape["heads"]
        self.length = job.shape["max_length"]
        self.size = self.hidden // self.heads
        self.value = value
        self.made: dict[tuple[str, int], torch.Tensor] = {}

    def once(self, what: str, n: int, make: Callable[[int], torch.Tensor]) -> torch.Tensor:
        """A constant for n rows."""
        if (what, n) not in self.made:
            with torch.inference_mode(False), torch.no_grad():  # training reads them too
                self.made[what, n] = make(n)
        return self.made[what, n]

    def rows(self, n: int) -> torch.Tensor | None:
        """What the input sum gains (n, d)."""
        if self.name in ("learned", "sinusoid_trainable"):
            first = 2 if self.convention == "roberta" else 0
            return self.value("position")[first : first + n]
        return self.once("sinusoid", n, self.sinusoid) if self.name == "sinusoid" else None

    def sinusoid(self, n: int) -> torch.Tensor:
        half = self.hidden // 2
        i = torch.arange(half, dtype=torch.float64)
        last = half - 1 if self.convention == "tensor2tensor" else half
        angles = torch.arange(n, dtype=torch.float64)[:, None] * 10000.0 ** (-i / last)
        parts = [angles.sin(), angles.cos()]
        if self.convention == "tensor2tensor":
            return torch.cat(parts, 1).float()
        return torch.stack(parts, 2).flatten(1).float()

    @property
    def content_scale(self) -> float:
        """Of the products of queries and keys."""
        return 1 / math.sqrt((2 if self.name == "tupe" else 1) * self.size)

    # Queries and keys.

    def turned(self, x: torch.Tensor, how: str) -> torch.Tensor:
        """Queries and keys (2, B, H, n, size), by their positions."""
        if self.name != "rope":
            return x
        n = x.shape[-2]
        if how == "complex":
            pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
            return torch.view_as_real(pairs * self.once("cis", n, self.cis)).flatten(-2)
        rotated = self.rotated
        front, rest = x[..., :rotated], x[..., rotated:]
        cosine, sine = self.once("cosine", n, self.cosine), self.once("sine", n, self.sine)
        if self.convention == "pairs":
            partner = torch.stack((-front[..., 1::2], front[..., ::2]), -1).flatten(-2)
        else:
            partner = torch.cat((-front[..., rotated // 2 :], front[..., : rotated // 2]), -1)
        turned = torch.addcmul(front * cosine, partner, sine)
        return torch.cat((turned, rest), -1) if rotated < self.size else turned

    @property
    def rotated(self) -> int:
        return self.size // 4 if self.convention == "halves_quarter" else self.size

    def angles(self, n: int) -> torch.Tensor:
        i = torch.arange(self.rotated // 2, dtype=torch.float64)
        return torch.arange(n, dtype=torch.float64)[:, None] * 10000.0 ** (-2 * i / self.rotated)

    def cis(self, n: int) -> torch.Tensor:
        angles = self.angles(n)
        return torch.complex(angles.cos().float(), angles.sin().float())

    def by_columns(self, planes: torch.Tensor) -> torch.Tensor:
        if self.convention == "pairs":
            return planes.repeat_interleave(2, 1).float()
        return torch.cat((planes, planes), 1).float()

    def cosine(self, n: int) -> torch.Tensor:
        return self.by_columns(self.angles(n).cos())

    def sine(self, n: int) -> torch.Tensor:
        return self.by_columns(self.angles(n).sin())

    # Scores.

    def bias(self, n: int) -> torch.Tensor | None:
        """What all layers add to the scores (H or 1, n, n), the causal mask included."""
        if self.name == "alibi":
            return self.once("alibi", n, self.alibi)
        if self.name == "t5_bias":
            buckets = self.once("buckets", n, self.buckets)
            return self.masked(distances(F.embedding(buckets, self.value("position")).t(), n))
        if self.name == "tupe":
            return self.masked(self.tupe(n))
        return self.once("causal", n, self.mask) if self.causal else None

    def mask(self, n: int) -> torch.Tensor:
        return torch.full((1, n, n), -math.inf).triu(1)

    def masked(self, bias: torch.Tensor) -> torch.Tensor:
        n = bias.shape[-1]
        return bias + self.once("causal", n, self.mask) if self.causal else bias

    def alibi(self, n: int) -> torch.Tensor:
        below = 2 ** int(math.log2(self.heads))
        slopes = [2.0 ** (-8 * (h + 1) / below) for h in range(below)]
        slopes += [2.0 ** (-4 * (h + 1) / below) for h in range(2 * below)][::2]
        steps = (torch.arange(n)[:, None] - torch.arange(n)).abs()
        return self.masked(-torch.tensor(slopes[: self.heads])[:, None, None] * steps)

    def buckets(self, n: int) -> torch.Tensor:
        """(2n − 1) of the distances key − query, from 1 − n on."""
        distance = torch.arange(1 - n, n)
        side = T5_BUCKETS if self.causal else T5_BUCKETS // 2
        steps = (-distance).clamp(min=0) if self.causal else distance.abs()
        first = 0 if self.causal else (distance > 0) * side
        single = side // 2
        share = (steps.clamp(min=1) / single).double().log() / math.log(T5_DISTANCE / single)
        far = single + (share * (side - single)).long()
        return first + torch.where(steps < single, steps, far.clamp(max=side - 1))

    def tupe(self, n: int) -> torch.Tensor:
        d, h, size = self.hidden, self.heads, self.size
        parts = [self.length * d, d, d, d * d, d * d, h, h]
        p, gamma, beta, to_q, to_k, from_first, to_first = (
            self.value("position").flatten().split(parts)
        )
        rows = F.layer_norm(p.view(-1, d)[:n], (d,), gamma, beta, EPSILON)
        q, k = rows @ to_q.view(h, d, size), rows @ to_k.view(h, d, size)
        inner = (q * self.content_scale) @ k.mT
        below = to_first[:, None, None].expand(h, n - 1, 1)
        return torch.cat(
            (from_first[:, None, None].expand(h, 1, n), torch.cat((below, inner[:, 1:, 1:]), 2)), 1
        )

    def relative(self, at: str, q: torch.Tensor) -> torch.Tensor | None:
        """Scores of scaled queries (B, H, n, size) with vectors by distance: (B, H, n, n)."""
        n = q.shape[-2]
        if self.name == "transformer_xl":
            keys = self.xl_keys(at, n)  # (H, size, n or 2n − 1)
            shift = self.by_heads(self.value(at + "position")[self.hidden + 1])
            return skewed((q + self.content_scale * shift) @ keys, n)
        if self.name == "shaw":
            table = self.shaw_table(at, 0)
            near = q @ table.mT  # (B, H, n, 33)
            return skewed(self.widened(near, n), n)
        return None

    def query_shift(self, at: str) -> torch.Tensor | None:
        """u of Transformer-XL (H, 1, size)."""
        if self.name != "transformer_xl":
            return None
        return self.by_heads(self.value(at + "position")[self.hidden])

    def by_heads(self, row: torch.Tensor) -> torch.Tensor:
        return row.view(self.heads, 1, self.size)

    def xl_keys(self, at: str, n: int) -> torch.Tensor:
        projected = self.once("xl", n, self.xl_rows) @ self.value(at + "position")[: self.hidden]
        return projected.view(-1, self.heads, self.size).permute(1, 2, 0)

    def xl_rows(self, n: int) -> torch.Tensor:
        """R of query − key, from n − 1 down to 0 or to 1 − n."""
        distance = torch.arange(n - 1, -1 if self.causal else -n, -1, dtype=torch.float64)
        i = torch.arange(self.hidden // 2, dtype=torch.float64)
        angles = distance[:, None] * 10000.0 ** (-2 * i / self.hidden)
        return torch.cat((angles.sin(), angles.cos()), 1).float()

    def shaw_table(self, at: str, which: int) -> torch.Tensor:
        """(H, 33, size) of the keys (0) or the values (1)."""
        count = 2 * SHAW_REACH + 1
        rows = self.value(at + "position")[which * count : (which + 1) * count]
        return rows.view(count, self.heads, self.size).transpose(0, 1)

    def widened(self, near: torch.Tensor, n: int) -> torch.Tensor:
        """(…, 33) by clipped distance as (…, 2n − 1) by distance."""
        if n - 1 <= SHAW_REACH:
            return near[..., SHAW_REACH - n + 1 : SHAW_REACH + n]
        beyond = (*near.shape[:-1], n - 1 - SHAW_REACH)
        return torch.cat((near[..., :1].expand(beyond), near, near[..., -1:].expand(beyond)), -1)

    def values(self, at: str, weights: torch.Tensor) -> torch.Tensor | None:
        """What Shaw's vectors add to the context (B, H, n, size), from weights (B, H, n, n)."""
        if self.name != "shaw" or self.convention == "keys":
            return None
        n = weights.shape[-1]
        wide = weights.new_zeros(*weights.shape[:-1], 2 * n - 1)
        wide.as_strided(weights.shape, skew(wide, n)[0], n - 1).copy_(weights)
        reach = min(SHAW_REACH, n - 1)
        near = wide[..., n - 1 - reach : n + reach].clone()
        near[..., 0] += wide[..., : n - 1 - reach].sum(-1)
        near[..., -1] += wide[..., n + reach :].sum(-1)
        table = self.shaw_table(at, 1)[:, SHAW_REACH - reach : SHAW_REACH + reach + 1]
        return near @ table


def skew(wide: torch.Tensor, n: int) -> tuple[tuple[int, ...], int]:
    """Strides under which element (i, j) of rows by distance is that of distance j − i."""
    width = wide.shape[-1]
    outer = [n * width * math.prod(wide.shape[axis + 1 : -2]) for axis in range(wide.ndim - 2)]
    return (*outer, width - 1, 1), n - 1


def skewed(wide: torch.Tensor, n: int) -> torch.Tensor:
    """Scores by distance (…, n, 2n − 1; or n where later keys are masked) as scores (…, n, n)."""
    wide = wide.contiguous()
    strides, first = skew(wide, n)
    return wide.as_strided((*wide.shape[:-1], n), strides, first)


def distances(bias: torch.Tensor, n: int) -> torch.Tensor:
    """A bias by distance (H, 2n − 1) as one by place (H, n, n)."""
    return skewed(bias[:, None, :].expand(-1, n, -1), n)
