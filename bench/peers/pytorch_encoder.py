"""The encoder of src/encoder/encoder.h in PyTorch, in each formulation that may be its fastest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from job import Job, Sentences

EPSILON = 1e-12  # of the layer norms, as in BERT


@dataclass(frozen=True)
class Formulation:
    """Equal functions that PyTorch computes at different speeds."""

    attention: str = (
        "matmul"  # of views, "bmm" of one contiguous copy, or "native": the fused layer
    )
    linear: str = "linear"  # weights (out, in), or (in, out): "addmm"; "matmul" is for export
    optimizer: str = "foreach"  # one call for all tensors, or "loop": one after the other
    graph: str = "eager"  # or "frozen": traced, frozen and optimised for inference

    def __str__(self) -> str:
        return f"{self.attention} {self.linear} {self.optimizer} {self.graph}"

    def others(self, job: Job) -> list[list[Formulation]]:
        """What to try instead, one choice after the other."""
        groups = [[replace(self, attention="bmm")], [replace(self, linear="addmm")]]
        if job.trains:
            return groups + [[replace(self, optimizer="loop")]]
        if job.precision == "f32":
            native = replace(self, attention="native", linear="linear")
            return groups + [[native, replace(self, graph="frozen")]]
        return groups


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
        self.head_size = job.shape["hidden"] // self.heads
        self.layers = job.shape["layers"]
        self.how = how
        self.matrices: list[str] = []
        for name, values in job.weights.items():
            tensor = torch.from_numpy(values.copy())
            if values.ndim == 2:
                self.matrices.append(name)
                if name not in ("token", "position") and how.linear == "linear":
                    tensor = tensor.t().contiguous()
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(tensor))

    def value(self, name: str) -> torch.nn.Parameter:
        return self.get_parameter(name.replace(".", "_"))

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        w, b = self.value(name), self.value(name + "_bias")
        if self.how.linear == "linear":
            return F.linear(x, w, b)
        if self.how.linear == "matmul":
            return x @ w + b
        return torch.addmm(b, x.view(-1, x.shape[-1]), w).view(*x.shape[:-1], -1)

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        gamma, beta = self.value(name + ".gamma"), self.value(name + ".beta")
        return F.layer_norm(x, gamma.shape, gamma, beta, EPSILON)

    def context(self, at: str, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Attention before its output projection: (B, L, d) from (B, L, d)."""
        if self.how.attention == "onnx":
            w, b = self.value(at + "qkv"), self.value(at + "qkv_bias")
            return FusedAttention.apply(x, w, b, self.heads)
        b, n, d = x.shape
        size = self.head_size
        scale = 1 / math.sqrt(size)
        qkv = self.linear(at + "qkv", x).view(b, n, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        if self.how.attention == "matmul":
            q, k, v = qkv.unbind(0)
            scores = (q * scale) @ k.transpose(-1, -2)
            weights = F.softmax(scores if mask is None else scores + mask, -1)
            return (weights @ v).transpose(1, 2).reshape(b, n, d)
        q, k, v = qkv.reshape(3, b * self.heads, n, size).unbind(0)
        if mask is None:
            # Not baddbmm with beta = 0: in 1.13 it multiplies small results that were never set by 0.
            scores = torch.bmm(q * scale, k.mT)
        else:
            start = mask.to(q.dtype).expand(b, self.heads, 1, n).reshape(-1, 1, n)
            scores = torch.baddbmm(start, q, k.mT, alpha=scale)
        context = torch.bmm(F.softmax(scores, -1), v)
        return context.view(b, self.heads, n, size).transpose(1, 2).reshape(b, n, d)

    def native_layer(self, at: str, x: torch.Tensor) -> torch.Tensor:
        """The layer that nn.TransformerEncoder runs at inference, without padding."""
        names = ["qkv", "qkv_bias", "out", "out_bias"]
        norms = ["norm1.gamma", "norm1.beta", "norm2.gamma", "norm2.beta"]
        feed_forward = ["ff1", "ff1_bias", "ff2", "ff2_bias"]
        fused = torch._transformer_encoder_layer_fwd
        attention = [self.value(at + name) for name in names]
        rest = [self.value(at + name) for name in norms + feed_forward]
        return fused(x, x.shape[-1], self.heads, *attention, True, False, EPSILON, *rest)

    def layer(self, at: str, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self.how.attention == "native":
            return self.native_layer(at, x)
        context = self.context(at, x, mask)
        y = self.norm(at + "norm1", x + self.linear(at + "out", context))
        inner = F.gelu(self.linear(at + "ff1", y))
        return self.norm(at + "norm2", y + self.linear(at + "ff2", inner))

    def forward(
        self,
        tokens: torch.Tensor,
        rows: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (R, classes) of the rows that hold a token."""
        x = F.embedding(tokens, self.value("token")) + self.value("position")[: tokens.shape[1]]
        x = self.norm("norm0", x)
        for i in range(self.layers):
            x = self.layer(f"layer{i}.", x, mask)
        x = x.reshape(-1, x.shape[-1])
        return self.linear("head", x if rows is None else x.index_select(0, rows))
