"""The encoder of src/encoder/encoder.h in PyTorch, in each formulation that may be its fastest."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from job import Job, Sentences
from pytorch_encodings import ENCODINGS, distances

EPSILON = 1e-12  # of the layer norms, as in BERT


@dataclass(frozen=True)
class Formulation:
    """Equal functions that PyTorch computes at different speeds."""

    attention: str = "matmul"  # of views, "bmm" of contiguous copies, or "native": the fused layer
    slices: str = "batch"  # at a time: the batch, or one "sequence"
    queries: int = 0  # at a time, of each sequence; 0: all, or as many as a window is wide
    encoding: str = ""  # see pytorch_encodings.py
    linear: str = "linear"  # weights (out, in), or (in, out): "addmm"; "matmul" is for export
    optimizer: str = "foreach"  # one call for all tensors, or "loop": one after the other
    graph: str = "eager"  # or "frozen": traced, frozen and optimised for inference

    def __str__(self) -> str:
        return " ".join(str(value) for value in astuple(self) if value)

    def others(self, job: Job) -> list[list[Formulation]]:
        """What to try instead, one choice after the other."""
        bmm = replace(self, attention="bmm")
        sliced = bmm if job.system["has_window"] else replace(bmm, slices="sequence")
        fewer = [replace(sliced, queries=n) for n in QUERIES if n < job.shape["max_length"]]
        groups = [list(dict.fromkeys([bmm, sliced, *fewer]))]
        encoding = ENCODINGS[job.encoding]
        groups.append([replace(self, encoding=how) for how in encoding.formulations[1:]])
        groups.append([replace(self, linear="addmm")])
        if job.trains:
            return groups + [[replace(self, optimizer="loop")]]
        if job.precision == "f32":
            groups.append([replace(self, graph="frozen")])
            if not (encoding.inside or job.system["has_window"] or job.system["causal"]):
                native = replace(self, attention="native", linear="linear")
                groups[-1].insert(0, native)
        return groups

    def start(self, job: Job) -> Formulation:
        """With what is tried first for the job's encoding."""
        return replace(self, encoding=ENCODINGS[job.encoding].formulations[0])


QUERIES = (64, 128)  # of a slice: their scores stay in the nearer caches


@dataclass
class Tensors:
    """A batch as frameworks compute it: each sequence in as many rows as the longest."""

    tokens: torch.Tensor  # (B, L)
    labels: torch.Tensor  # (R)
    rows: torch.Tensor | None  # (R) of the B·L that hold a token; None: all
    mask: torch.Tensor | None  # (B, 1, 1, L) to add to the scores, 0 or -inf; None: no padding


def padded(batch: Sentences) -> Tensors:
    lengths = torch.from_numpy(batch.lengths).long()
    longest = int(lengths.max())
    real = torch.arange(longest) < lengths[:, None]
    tokens = torch.zeros(real.shape, dtype=torch.long)
    tokens[real] = torch.from_numpy(batch.tokens).long()
    labels = torch.from_numpy(batch.labels).long()
    if bool(real.all()):
        return Tensors(tokens, labels, None, None)
    mask = torch.zeros(real.shape).masked_fill(~real, -math.inf)
    return Tensors(tokens, labels, real.flatten().nonzero()[:, 0], mask[:, None, None, :])


class FusedAttention(torch.autograd.Function):
    """ONNX Runtime's own operator from x to the context, for models to be exported; in PyTorch only
    a stand-in of the right shape."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, heads: int) -> Any:
        return x.clone()

    @staticmethod
    def symbolic(g: Any, x: Any, w: Any, b: Any, heads: int) -> Any:
        return g.op("com.microsoft::Attention", x, w, b, num_heads_i=heads).setType(x.type())


class Encoder(torch.nn.Module):
    def __init__(self, job: Job, how: Formulation) -> None:
        super().__init__()
        self.heads = job.shape["heads"]
        self.hidden = job.shape["hidden"]
        self.head_size = self.hidden // self.heads
        self.layers = job.shape["layers"]
        self.window, self.globals = job.shape["window"], job.shape["globals"]
        self.system = job.system
        self.how = how
        self.encoding = ENCODINGS[job.encoding](job, how.encoding, self.value)
        self.matrices: list[str] = []
        for name, values in job.weights.items():
            tensor = torch.from_numpy(self.encoding.arranged(name, values).copy())
            if values.ndim == 2:
                self.matrices.append(name)
                is_table = name in ("token", "segment") or name.endswith("position")
                if not is_table and how.linear == "linear":
                    tensor = tensor.t().contiguous()
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(tensor))
        self.has = frozenset(job.weights)
        if self.system["causal"]:
            self.unseen = additive(distances(job.shape["max_length"]) > 0)
        if self.system["has_window"]:
            block = how.queries or self.window
            apart = torch.arange(block + 2 * self.window) - torch.arange(block)[:, None]
            self.band = additive((apart < 0) | (apart > 2 * self.window))

    def value(self, name: str) -> torch.nn.Parameter:
        return self.get_parameter(name.replace(".", "_"))

    def linear(self, name: str, x: torch.Tensor, columns: slice = slice(None)) -> torch.Tensor:
        """(…, out) from (…, in), or some columns of that."""
        w, b = self.value(name), self.value(name + "_bias")[columns]
        if self.how.linear == "linear":
            return F.linear(x, w[columns], b)
        if self.how.linear == "matmul":
            return x @ w[:, columns] + b
        return torch.addmm(b, x.reshape(-1, x.shape[-1]), w[:, columns]).view(*x.shape[:-1], -1)

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        gamma, beta = self.value(name + ".gamma"), self.value(name + ".beta")
        return F.layer_norm(x, gamma.shape, gamma, beta, EPSILON)

    def projected(self, name: str, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries, keys and values, (b, H, n, size) each."""
        qkv = self.linear(name, x).view(*x.shape[:2], 3, self.heads, self.head_size)
        q, k = self.encoding.turn(qkv[:, :, :2]).transpose(1, 3).unbind(2)
        return q, k, qkv[:, :, 2].transpose(1, 2)

    def context(self, at: str, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Attention before its output projection: (B, L, d) from (B, L, d)."""
        if self.how.attention == "onnx":
            w, b = self.value(at + "qkv"), self.value(at + "qkv_bias")
            return FusedAttention.apply(x, w, b, self.heads)
        b, n, d = x.shape
        q, k, v = self.projected(at + "qkv", x)
        if self.system["has_window"]:
            assert mask is None  # no work pads what has a window
            context = self.window_attention(at, x, q, k, v)
        else:
            self.encoding.begin_layer(at, n)
            if self.how.attention == "bmm" and self.how.slices == "batch":
                q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
            slices = [slice(None)]
            if self.how.slices == "sequence":
                slices = [slice(s, s + 1) for s in range(b)]
            parts = []
            for s in slices:
                of_s = None if mask is None else mask[s]
                parts.append(self.attention(q[s], k[s], v[s], of_s))
            context = joined(parts, 0)
        return context.transpose(1, 2).reshape(b, n, d)

    def attention(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """(b, H, n, size) from the same; some queries after the other, so that a causal model meets no key
        that all of them do not see."""
        n = q.shape[2]
        step = self.how.queries or n
        parts = []
        for first in range(0, n, step):
            queries = q[:, :, first : first + step]
            keys = min(first + step, n) if self.system["causal"] else n
            seen = None if mask is None else mask[..., :keys]
            scores = self.scores(queries, k[:, :, :keys], seen, first)
            if self.system["causal"]:
                scores[..., first:] += self.unseen[: keys - first, : keys - first]
            weights = F.softmax(scores, -1)
            context = weights @ v[:, :, :keys]
            more = self.encoding.values(weights, first)
            parts.append(context if more is None else context + more)
        return joined(parts, 2)

    def scores(
        self, q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor | None, first: int
    ) -> torch.Tensor:
        """(b, H, r, keys) from queries (b, H, r, size) and keys, with what the encoding adds and the mask."""
        scale = 1 / math.sqrt(self.head_size)
        start = self.encoding.start(q, first, k.shape[2])
        q = self.encoding.content(q)
        if self.how.attention == "matmul":
            scores = (q * scale) @ k.transpose(-1, -2)
            scores = scores if start is None else scores + start
            return scores if mask is None else scores + mask
        b, heads, r, _ = q.shape
        flat_q, flat_k = q.flatten(0, 1), k.flatten(0, 1)
        if start is not None:
            scores = start.flatten(0, 1).baddbmm_(flat_q, flat_k.mT, alpha=scale).view(start.shape)
            return scores if mask is None else scores.add_(mask)
        if mask is None:
            # Not baddbmm with beta = 0: in 1.13 it multiplies small results that were never set by 0.
            scores = torch.bmm(flat_q * scale, flat_k.mT)
        else:
            row = mask.to(q.dtype).expand(b, heads, 1, -1).reshape(b * heads, 1, -1)
            scores = torch.baddbmm(row, flat_q, flat_k.mT, alpha=scale)
        return scores.view(b, heads, r, -1)

    def window_attention(
        self, at: str, x: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> torch.Tensor:
        """Blocks of queries with the keys that some of them see: as many before and behind as the window is wide,
        and the global rows in front. The authors' blocks, two windows wide and each overlapping half of the
        next, multiply twice what a query sees; these multiply 1.5 times as much, or less where they are
        shorter."""
        b, heads, n, size = q.shape
        wide, front = self.window, self.globals
        step = len(self.band)
        scale = 1 / math.sqrt(size)
        parts = []
        for first in range(front, n, step):
            last = min(first + step, n)
            begin, end = max(first - wide, front), min(last + wide, n)
            seen = self.band[: last - first, begin - first + wide : end - first + wide]
            seen = F.pad(seen, (front, 0))
            near_k, near_v = k[:, :, begin:end], v[:, :, begin:end]
            if front:
                near_k = torch.cat((k[:, :, :front], near_k), 2)
                near_v = torch.cat((v[:, :, :front], near_v), 2)
            queries = q[:, :, first:last]
            if self.how.attention == "matmul":
                scores = (queries * scale) @ near_k.transpose(-1, -2) + seen
            else:
                flat = queries.flatten(0, 1), near_k.flatten(0, 1).mT
                scores = torch.baddbmm(seen.to(q.dtype), *flat, alpha=scale).unflatten(
                    0, (b, heads)
                )
            parts.append(F.softmax(scores, -1) @ near_v)
        if front:
            parts.insert(0, self.global_rows(at, x))
        return joined(parts, 2)

    def global_rows(self, at: str, x: torch.Tensor) -> torch.Tensor:
        """(b, H, globals, size): queries of the global rows, which see all, by projections of their own."""
        b, n, d = x.shape
        q = self.linear(at + "global", x[:, : self.globals], slice(d))
        kv = self.linear(at + "global", x, slice(d, 3 * d))
        q = self.encoding.turn(q.view(b, self.globals, 1, self.heads, self.head_size))
        kv = kv.view(b, n, 2, self.heads, self.head_size)
        k = self.encoding.turn(kv[:, :, :1])
        q, k, v = (
            q[:, :, 0].transpose(1, 2),
            k[:, :, 0].transpose(1, 2),
            kv[:, :, 1].transpose(1, 2),
        )
        scores = (q / math.sqrt(self.head_size)) @ k.transpose(-1, -2)
        return F.softmax(scores, -1) @ v

    def native_layer(self, at: str, x: torch.Tensor) -> torch.Tensor:
        """The layer that nn.TransformerEncoder runs at inference, without padding."""
        names = ["qkv", "qkv_bias", "out", "out_bias"]
        norms = ["norm1.gamma", "norm1.beta", "norm2.gamma", "norm2.beta"]
        feed_forward = ["ff1", "ff1_bias", "ff2", "ff2_bias"]
        fused = torch._transformer_encoder_layer_fwd
        attention = [self.value(at + name) for name in names]
        rest = [self.value(at + name) for name in norms + feed_forward]
        gelu, norm_first = not self.system["rectifies"], self.system["norm_first"]
        how = (gelu, norm_first, EPSILON)
        return fused(x, x.shape[-1], self.heads, *attention, *how, *rest)

    def feed_forward(self, at: str, x: torch.Tensor) -> torch.Tensor:
        inner = self.linear(at + "ff1", x)
        inner = F.relu(inner) if self.system["rectifies"] else F.gelu(inner)
        return self.linear(at + "ff2", inner)

    def layer(self, at: str, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self.how.attention == "native":
            return self.native_layer(at, x)
        if self.system["norm_first"]:
            context = self.context(at, self.norm(at + "norm1", x), mask)
            y = x + self.linear(at + "out", context)
            return y + self.feed_forward(at, self.norm(at + "norm2", y))
        context = self.context(at, x, mask)
        y = self.norm(at + "norm1", x + self.linear(at + "out", context))
        return self.norm(at + "norm2", y + self.feed_forward(at, y))

    def input(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, L, d), the sum before the first layer; all tokens are of the first segment."""
        x = F.embedding(tokens, self.value("token"))
        if self.system["scales_tokens"]:
            x = x * math.sqrt(self.hidden)
        if "segment" in self.has:
            x = x + self.value("segment")[0]
        rows = self.encoding.rows(tokens.shape[1])
        x = x if rows is None else x + rows
        return self.norm("norm0", x) if "norm0.gamma" in self.has else x

    def forward(
        self,
        tokens: torch.Tensor,
        rows: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (R, classes) of the rows that hold a token."""
        x = self.input(tokens)
        self.encoding.begin()
        for i in range(self.layers):
            x = self.layer(f"layer{i}.", x, mask)
        x = x.reshape(-1, x.shape[-1])
        x = x if rows is None else x.index_select(0, rows)
        x = self.norm("final_norm", x) if "final_norm.gamma" in self.has else x
        return self.linear("head", x) if "head" in self.has else F.linear(x, self.value("token"))


def additive(unseen: torch.Tensor) -> torch.Tensor:
    """What masks scores by addition: -inf where True, else 0."""
    return torch.zeros(unseen.shape).masked_fill(unseen, -math.inf)


def joined(parts: list[torch.Tensor], dimension: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dimension)
