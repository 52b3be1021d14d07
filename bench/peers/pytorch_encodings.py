"""The position encodings of src/encoding in PyTorch, each in the formulations that may be its fastest.

b sequences of n rows, H heads of `size` columns, r queries from row `first` on that meet `keys` keys from row 0 on.
"""

from __future__ import annotations

import math
from typing import Callable, Mapping

import torch

from job import Floats, Job

Value = Callable[[str], torch.Tensor]  # a trained part by its name


class Encoding:
    """The parts of src/encoding/encoding.h, each doing nothing. Tables are made once, with the encoder."""

    formulations: tuple[str, ...] = ("",)  # equal functions; the first is where trying begins
    inside = False  # whether it changes anything behind the input sum

    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        self.formulation = formulation
        self.convention = job.convention
        self.value = value
        self.hidden, self.heads = job.shape["hidden"], job.shape["heads"]
        self.size = self.hidden // self.heads
        self.length = job.shape["max_length"]
        self.causal = job.system["causal"]

    def arranged(self, name: str, values: Floats) -> Floats:
        """The values of a part as this formulation reads them."""
        return values

    def rows(self, n: int) -> torch.Tensor | None:
        """(n, d) to add to the input."""
        return None

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        """Queries or keys (b, n, any, H, size) behind their rotation."""
        return x

    def begin(self) -> None:
        """Before the first layer of a pass."""

    def begin_layer(self, at: str, n: int) -> None:
        """Before the attention of a layer."""

    def content(self, q: torch.Tensor) -> torch.Tensor:
        """Queries as they meet the keys."""
        return q

    def start(self, q: torch.Tensor, first: int, keys: int) -> torch.Tensor | None:
        """(b, H, r, keys) that the product of queries (b, H, r, size) and keys, scaled, is added to in place."""
        return None

    def values(self, weights: torch.Tensor, first: int) -> torch.Tensor | None:
        """(b, H, r, size) to add to the context, from attention weights (b, H, r, keys)."""
        return None


class Table(Encoding):
    """Trained rows; those of RoBERTa begin behind two that nobody uses."""

    def rows(self, n: int) -> torch.Tensor | None:
        table = self.value("position")
        first = len(table) - self.length
        return table[first : first + n]


class Sinusoid(Encoding):
    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        d, half = self.hidden, self.hidden // 2
        split = self.convention == "tensor2tensor"
        angles = angles_of(self.length, half, half - 1 if split else half)
        parts = (angles.sin(), angles.cos())
        table = torch.cat(parts, 1) if split else torch.stack(parts, 2).view(self.length, d)
        self.table = table.float()

    def rows(self, n: int) -> torch.Tensor | None:
        return self.table[:n]


def angles_of(rows: int, frequencies: int, span: int) -> torch.Tensor:
    """(rows, frequencies) in f64: the frequencies fall from 1 by 10000^(-1/span)."""
    falling = 10000.0 ** (-torch.arange(frequencies, dtype=torch.float64) / span)
    return torch.arange(rows, dtype=torch.float64)[:, None] * falling


class Rope(Encoding):
    """Planes of neighbouring columns, as complex numbers; or of columns half a head apart, as most write it today, or
    part by part. Trained weights of one kind serve the other once their columns are moved, as is done with
    those of Llama: what is fastest serves both conventions."""

    formulations = ("complex", "rotate_half", "parts")
    inside = True

    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        self.rotated = self.size // 4 if self.convention == "halves_quarter" else self.size
        angles = angles_of(self.length, self.rotated // 2, self.rotated // 2)[:, None, None, :]
        if formulation == "complex":
            self.turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
        if formulation == "rotate_half":
            angles = torch.cat((angles, angles), -1)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()

    def arranged(self, name: str, values: Floats) -> Floats:
        pairs_here = self.convention in ("", "pairs")
        if not name.rpartition(".")[2].startswith(("qkv", "global")):
            return values
        if pairs_here == (self.formulation == "complex"):
            return values
        here = values.reshape(*values.shape[:-1], 3, self.heads, self.size)
        moved = here.copy()
        sources = halves_of(here[..., :2, :, : self.rotated], pairs_here)
        targets = halves_of(moved[..., :2, :, : self.rotated], not pairs_here)
        for source, target in zip(sources, targets):
            target[...] = source
        return moved.reshape(values.shape)

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[1]
        if self.rotated < self.size:
            turned = self.turned(x[..., : self.rotated], n)
            return torch.cat((turned, x[..., self.rotated :]), -1)
        return self.turned(x, n)

    def turned(self, x: torch.Tensor, n: int) -> torch.Tensor:
        if self.formulation == "complex":
            planes = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
            return torch.view_as_real(planes * self.turns[:n]).flatten(-2)
        cos, sin = self.cos[:n], self.sin[:n]
        a, b = x.chunk(2, -1)
        if self.formulation == "rotate_half":
            return torch.addcmul(x * cos, torch.cat((-b, a), -1), sin)
        return torch.cat(
            (torch.addcmul(a * cos, b, sin, value=-1), torch.addcmul(b * cos, a, sin)), -1
        )


def halves_of(x: Floats, pairs: bool) -> tuple[Floats, Floats]:
    """The first and the second columns of all planes, as views."""
    half = x.shape[-1] // 2
    return (x[..., ::2], x[..., 1::2]) if pairs else (x[..., :half], x[..., half:])


class DistanceBias(Encoding):
    """A number for each head and distance: (H, max_length, max_length), once for all sequences and layers."""

    inside = True
    bias: torch.Tensor

    def start(self, q: torch.Tensor, first: int, keys: int) -> torch.Tensor | None:
        bias = self.bias[:, first : first + q.shape[2], :keys]
        return (
            bias.to(q.dtype).expand(len(q), -1, -1, -1).clone(memory_format=torch.contiguous_format)
        )


def distances(rows: int) -> torch.Tensor:
    """(rows, rows): key minus query."""
    places = torch.arange(rows)
    return places - places[:, None]


class Alibi(DistanceBias):
    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        steps = distances(self.length).abs()
        self.bias = -torch.tensor(slopes(self.heads))[:, None, None] * steps


def slopes(heads: int) -> list[float]:
    """The authors' get_slopes (Press 2022)."""
    below = 1 << (heads.bit_length() - 1)
    regular = [2.0 ** (-8 * (h + 1) / below) for h in range(below)]
    return regular + [2.0 ** (-4 * (h + 1) / below) for h in range(0, 2 * (heads - below), 2)]


class T5Bias(DistanceBias):
    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        self.buckets = buckets(distances(self.length), self.causal).flatten()

    def begin(self) -> None:
        chosen = self.value("position").t().index_select(1, self.buckets)
        self.bias = chosen.view(self.heads, self.length, self.length)


def buckets(relative: torch.Tensor, causal: bool) -> torch.Tensor:
    """T5's relative_position_bucket (Raffel 2020) with 32 buckets up to 128."""
    side = 32 if causal else 16
    first = torch.zeros_like(relative) if causal else (relative > 0) * side
    steps = (-relative).clamp(min=0) if causal else relative.abs()
    single = side // 2
    share = (steps.clamp(min=1).double() / single).log() / math.log(128 / single)
    above = (single + (share * (side - single)).long()).clamp(max=side - 1)
    return first + torch.where(steps < single, steps, above)


def skewed(wide: torch.Tensor, keys: int) -> torch.Tensor:
    """(b, H, r, keys) out of a contiguous (b, H, r, at least keys) whose column u belongs to the distance
    u - (r - 1) + first of key and query: the shift of Transformer-XL as a view."""
    b, heads, r, width = wide.shape
    strides = (heads * r * width, r * width, width - 1, 1)
    return wide.as_strided((b, heads, r, keys), strides, wide.storage_offset() + r - 1)


class Shaw(Encoding):
    """Huang's form (2019): queries meet 33 vectors, not one for each key. Scores get theirs by a gather or by a
    skewed view; weights reach theirs by a scatter or through the same view."""

    formulations = ("skew", "gather")
    inside = True
    REACH = 16

    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        if formulation == "gather":
            self.index = distances(self.length).clamp(-self.REACH, self.REACH) + self.REACH

    def begin_layer(self, at: str, n: int) -> None:
        rows = 2 * self.REACH + 1
        vectors = self.value(at + "position").view(-1, rows, self.heads, self.size)
        self.keys = vectors[0].permute(1, 2, 0) / math.sqrt(self.size)  # (H, size, 33)
        self.of_values = vectors[1].transpose(0, 1) if len(vectors) > 1 else None  # (H, 33, size)

    def band(self, r: int, first: int, keys: int) -> tuple[int, slice, int]:
        """Of the r + keys - 1 distances: those on the left of the vectors, the vectors met, those on the right."""
        left, right = first + r - 1 - self.REACH, keys - 1 - first - self.REACH
        return (
            max(left, 0),
            slice(max(-left, 0), 2 * self.REACH + 1 - max(-right, 0)),
            max(right, 0),
        )

    def start(self, q: torch.Tensor, first: int, keys: int) -> torch.Tensor | None:
        met = q @ self.keys  # (b, H, r, 33)
        b, heads, r, _ = met.shape
        if self.formulation == "gather":
            index = self.index[first : first + r, :keys]
            return met.gather(-1, index.expand(b, heads, -1, -1))
        left, band, right = self.band(r, first, keys)
        outside = (met[..., :1].expand(-1, -1, -1, left), met[..., -1:].expand(-1, -1, -1, right))
        wide = torch.cat((outside[0], met[..., band], outside[1]), -1)
        return skewed(wide, keys).contiguous()

    def values(self, weights: torch.Tensor, first: int) -> torch.Tensor | None:
        if self.of_values is None:
            return None
        b, heads, r, keys = weights.shape
        if self.formulation == "gather":
            index = self.index[first : first + r, :keys].expand(b, heads, -1, -1)
            sums = weights.new_zeros(b, heads, r, 2 * self.REACH + 1)
            return sums.scatter_add(-1, index, weights) @ self.of_values
        left, band, right = self.band(r, first, keys)
        wide = weights.new_zeros(b, heads, r, r + keys - 1)
        skewed(wide, keys).copy_(weights)
        sums = wide[..., left : left + band.stop - band.start].clone()
        sums[..., 0] += wide[..., :left].sum(-1)
        sums[..., -1] += wide[..., wide.shape[-1] - right :].sum(-1)
        return sums @ self.of_values[:, band]


class TransformerXl(Encoding):
    """(q + u) k + (q + v) (R W_R), the second term for each distance, then skewed."""

    inside = True

    def __init__(self, job: Job, formulation: str, value: Value) -> None:
        super().__init__(job, formulation, value)
        half = self.hidden // 2
        angles = angles_of(self.length, half, half).flip(0)
        sines, cosines = angles.sin(), angles.cos()  # of the distances max_length - 1 … 0
        behind = torch.cat((sines, cosines), 1)
        ahead = torch.cat((-sines, cosines), 1).flip(0)[1:]
        self.table = (behind if self.causal else torch.cat((behind, ahead))).float()

    def begin_layer(self, at: str, n: int) -> None:
        values = self.value(at + "position")
        self.u, self.v = values[-2:].view(2, self.heads, 1, self.size)
        last = self.length if self.causal else self.length + n - 1
        vectors = self.table[self.length - n : last] @ values[:-2]
        self.vectors = vectors.view(-1, self.heads, self.size).permute(1, 2, 0)
        self.reach = n - 1  # the distance of the first of them

    def content(self, q: torch.Tensor) -> torch.Tensor:
        return q + self.u.to(q.dtype)

    def start(self, q: torch.Tensor, first: int, keys: int) -> torch.Tensor | None:
        r = q.shape[2]
        farthest = self.reach - (first + r - 1)
        # Causal: distances below 0 are read from wherever the skew arrives, and masked.
        width = keys if self.causal else r + keys - 1
        vectors = self.vectors[..., farthest : farthest + width]
        wide = ((q + self.v.to(q.dtype)) / math.sqrt(self.size)) @ vectors
        return skewed(wide, keys).contiguous()


class Tupe(DistanceBias):
    """Scores of places alone, once for all layers, beside smaller ones of words."""

    def begin(self) -> None:
        d, heads, size = self.hidden, self.heads, self.size
        parts = [self.length * d, d, d, d * d, d * d, heads, heads]
        p, gamma, beta, to_q, to_k, from_first, to_first = (
            self.value("position").flatten().split(parts)
        )
        rows = torch.nn.functional.layer_norm(p.view(-1, d), (d,), gamma, beta, 1e-12)
        q, k = (rows @ matrix.view(heads, d, size) for matrix in (to_q, to_k))
        inner = (q / math.sqrt(2 * size)) @ k.mT
        left = to_first[:, None, None].expand(-1, self.length - 1, 1)
        below = torch.cat((left, inner[:, 1:, 1:]), 2)
        top = from_first[:, None, None].expand(-1, 1, self.length)
        self.bias = torch.cat((top, below), 1)

    def content(self, q: torch.Tensor) -> torch.Tensor:
        return q * math.sqrt(0.5)


ENCODINGS: Mapping[str, type[Encoding]] = {
    "none": Encoding,
    "learned": Table,
    "sinusoid": Sinusoid,
    "sinusoid_trainable": Table,
    "rope": Rope,
    "alibi": Alibi,
    "t5_bias": T5Bias,
    "shaw": Shaw,
    "transformer_xl": TransformerXl,
    "tupe": Tupe,
}
