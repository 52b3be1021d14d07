"""The systems of src/encoder/systems.h in PyTorch, in each formulation that may be the fastest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from job import Job, Sentences
from pytorch_encodings import Positions
from pytorch_window import window_context

EPSILON = 1e-12  # of the layer norms, as in BERT


@dataclass(frozen=True)
class System:
    scales_tokens: bool = False
    has_segments: bool = False
    embedding_norm: bool = False
    norm_first: bool = False
    causal: bool = False
    relu: bool = False
    has_window: bool = False


SYSTEMS = {
    "encoder": System(embedding_norm=True),
    "vaswani": System(scales_tokens=True, relu=True),
    "bert": System(has_segments=True, embedding_norm=True),
    "gpt": System(norm_first=True, causal=True),
    "transformer_xl": System(scales_tokens=True, causal=True, relu=True),
    "longformer": System(embedding_norm=True, has_window=True),
}


@dataclass(frozen=True)
class Formulation:
    """Equal functions that PyTorch computes at different speeds."""

    attention: str = (
        "matmul"  # of views, "bmm" of one contiguous copy, or "native": the fused layer
    )
    linear: str = "linear"  # weights (out, in), or (in, out): "addmm"; "matmul" is for export
    optimizer: str = "foreach"  # one call for all tensors, or "loop": one after the other
    graph: str = "eager"  # or "frozen": traced, frozen and optimised for inference
    rotation: str = "real"  # sines and cosines by column; or "complex": a product of pairs

    def __str__(self) -> str:
        said = f"{self.attention} {self.linear} {self.optimizer} {self.graph}"
        return said if self.rotation == "real" else f"{said} {self.rotation}"

    def others(self, job: Job) -> list[list[Formulation]]:
        """What to try instead, one choice after the other."""
        groups = [[replace(self, attention="bmm")], [replace(self, linear="addmm")]]
        if job.system == "longformer":
            groups = groups[1:]  # blocks of a window are one batch of products already
        if (job.encoding, job.convention, job.precision) == ("rope", "pairs", "f32"):
            groups += [[replace(self, rotation="complex")]]
        if job.trains:
            return groups + [[replace(self, optimizer="loop")]]
        if job.precision == "f32":
            # The fused layer is post-norm with GELU, and takes nothing that enters at the scores.
            input_sum = ("learned", "sinusoid", "sinusoid_trainable", "none")
            fused = job.system in ("encoder", "bert") and job.encoding in input_sum
            native = [replace(self, attention="native", linear="linear")] if fused else []
            return groups + [[*native, replace(self, graph="frozen")]]
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
        self.window, self.globals = job.shape["window"], job.shape["globals"]
        self.system = SYSTEMS[job.system]
        self.positions = Positions(job, self.value, self.system.causal)
        self.how = how
        self.matrices: list[str] = []
        for name, values in job.weights.items():
            tensor = torch.from_numpy(values.copy())
            if values.ndim == 2:
                self.matrices.append(name)
                table = name in ("token", "segment") or name.endswith("position")
                if not table and how.linear == "linear":
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

    def context(
        self, at: str, x: torch.Tensor, mask: torch.Tensor | None, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """Attention before its output projection: (B, L, d) from (B, L, d)."""
        if self.how.attention == "onnx":
            w, b = self.value(at + "qkv"), self.value(at + "qkv_bias")
            return FusedAttention.apply(x, w, b, self.heads)
        b, n, d = x.shape
        size = self.head_size
        positions, scale = self.positions, self.positions.content_scale
        qkv = self.linear(at + "qkv", x).view(b, n, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        (q, k), v = positions.turned(qkv[:2], self.how.rotation).unbind(0), qkv[2]
        if self.system.has_window:
            context = window_context(q * scale, k, v, self.window, self.globals)
            if self.globals > 0:
                context = torch.cat((self.global_context(at, x), context[:, :, self.globals :]), 2)
            return context.transpose(1, 2).reshape(b, n, d)
        q = q * scale
        relative = positions.relative(at, q)
        shift = positions.query_shift(at)
        if shift is not None:
            q = q + scale * shift
        added = relative
        for more in (bias, mask):
            if more is not None:
                added = more if added is None else added + more
        if self.how.attention == "matmul":
            scores = q @ k.transpose(-1, -2)
            if added is not None:
                scores = scores.add_(added)
            weights = F.softmax(scores, -1)
            context = weights @ v
        else:
            q, k, flat_v = (part.reshape(b * self.heads, n, size) for part in (q, k, v))
            if added is None:
                # Not baddbmm with beta = 0: in 1.13 it multiplies small results that were never
                # set by 0.
                scores = torch.bmm(q, k.mT)
            else:
                rows = added.shape[-2]  # 1 where only padding is masked
                start = added.to(q.dtype).expand(b, self.heads, rows, n).reshape(-1, rows, n)
                scores = torch.baddbmm(start, q, k.mT)
            weights = F.softmax(scores, -1).view(b, self.heads, n, n)
            context = torch.bmm(weights.flatten(0, 1), flat_v).view(b, self.heads, n, size)
        more_values = positions.values(at, weights)
        if more_values is not None:
            context = context + more_values
        return context.transpose(1, 2).reshape(b, n, d)

    def global_context(self, at: str, x: torch.Tensor) -> torch.Tensor:
        """Of Longformer's global rows, which see all by projections of their own: (B, H, G, size)."""
        b, n, d = x.shape
        w, bias = self.value(at + "global"), self.value(at + "global_bias")
        transposed = w if self.how.linear == "linear" else w.t()
        of_q = F.linear(x[:, : self.globals], transposed[:d], bias[:d])
        of_kv = F.linear(x, transposed[d:], bias[d:])
        q = of_q.view(b, self.globals, self.heads, self.head_size).transpose(1, 2)
        k, v = of_kv.view(b, n, 2, self.heads, self.head_size).permute(2, 0, 3, 1, 4)
        if self.positions.name == "rope":
            padded_q = torch.cat((q, q.new_zeros(b, self.heads, n - self.globals, q.shape[-1])), 2)
            q, k = self.positions.turned(torch.stack((padded_q, k)), self.how.rotation)
            q = q[:, :, : self.globals]
        return F.softmax((q * self.positions.content_scale) @ k.mT, -1) @ v

    def native_layer(self, at: str, x: torch.Tensor) -> torch.Tensor:
        """The layer that nn.TransformerEncoder runs at inference, without padding."""
        names = ["qkv", "qkv_bias", "out", "out_bias"]
        norms = ["norm1.gamma", "norm1.beta", "norm2.gamma", "norm2.beta"]
        feed_forward = ["ff1", "ff1_bias", "ff2", "ff2_bias"]
        fused = torch._transformer_encoder_layer_fwd
        attention = [self.value(at + name) for name in names]
        rest = [self.value(at + name) for name in norms + feed_forward]
        return fused(x, x.shape[-1], self.heads, *attention, True, False, EPSILON, *rest)

    def layer(
        self, at: str, x: torch.Tensor, mask: torch.Tensor | None, bias: torch.Tensor | None
    ) -> torch.Tensor:
        if self.how.attention == "native":
            return self.native_layer(at, x)

        def attended(y: torch.Tensor) -> torch.Tensor:
            return self.linear(at + "out", self.context(at, y, mask, bias))

        def fed(y: torch.Tensor) -> torch.Tensor:
            inner = self.linear(at + "ff1", y)
            return self.linear(at + "ff2", F.relu(inner) if self.system.relu else F.gelu(inner))

        if self.system.norm_first:
            x = x + attended(self.norm(at + "norm1", x))
            return x + fed(self.norm(at + "norm2", x))
        y = self.norm(at + "norm1", x + attended(x))
        return self.norm(at + "norm2", y + fed(y))

    def forward(
        self,
        tokens: torch.Tensor,
        kept: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (R, classes) of the rows that hold a token, `kept` (R) of B·L."""
        n = tokens.shape[1]
        x = F.embedding(tokens, self.value("token"))
        if self.system.scales_tokens:
            x = x * math.sqrt(x.shape[-1])
        rows = self.positions.rows(n)
        if self.system.has_segments:  # one text: all are of the first
            first = self.value("segment")[0]
            rows = first if rows is None else rows + first
        if rows is not None:
            x = x + rows
        if self.system.embedding_norm:
            x = self.norm("norm0", x)
        bias = self.positions.bias(n)
        for i in range(self.layers):
            x = self.layer(f"layer{i}.", x, mask, bias)
        if self.system.norm_first:
            x = self.norm("final_norm", x)
        x = x.reshape(-1, x.shape[-1])
        return self.linear("head", x if kept is None else x.index_select(0, kept))
