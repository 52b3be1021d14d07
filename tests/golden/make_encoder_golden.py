"""Makes the golden files of the encoder and of AdamW with PyTorch, in float64.

    /usr/bin/python3 tests/golden/make_encoder_golden.py

PyTorch (Debian: python3-torch) is needed only to remake them. The plain encoder is put together
from PyTorch's own parts (nn.TransformerEncoderLayer, which is post-norm as BERT's is; nn.LayerNorm;
functional.embedding; cross_entropy), the other systems from the formulae of their papers. Both run
one sequence at a time, so that packing, attention, backward and optimizer of posbench are compared
with code that shares none of theirs.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).parent
EPSILON = 1e-12  # BERT's, in every layer norm
SHAPE = {
    "vocabulary": 11,
    "classes": 4,
    "hidden": 8,
    "layers": 2,
    "heads": 2,
    "feed_forward": 16,
    "max_length": 6,
}
# Three sequences of different lengths; rows 1, 6 and 9 have no label; token 10 does not occur.
SEQUENCES = [[3, 1, 4, 1], [5], [9, 2, 6, 5, 3, 0]]
LABELS = [[0, -1, 2, 1], [3], [1, -1, 0, 2, -1, 3]]


@dataclass
class Case:
    name: str
    encoding: str
    convention: str = "interleaved"
    position_rms: float = 0.0


CASES = [
    Case("learned", "learned"),
    Case("sinusoid_interleaved", "sinusoid", position_rms=0.2),
    Case("sinusoid_tensor2tensor", "sinusoid", "tensor2tensor"),
    Case("sinusoid_trainable", "sinusoid_trainable", position_rms=0.5),
    Case("none", "none"),
]


@dataclass
class SystemCase:
    """A system as its paper has it; which parameters there are follows from these."""

    name: str
    system: str
    encoding: str
    activation: Any = functional.gelu
    scale: float = 1.0  # of token vectors
    segments: list[list[int]] = field(default_factory=list)  # of each token
    embedding_norm: bool = False
    norm_first: bool = False
    causal: bool = False
    tied: bool = False
    before: list[list[int]] = field(default_factory=list)  # text in front of each sequence
    memory: int = 0  # states that are kept of it
    window: int = 0
    globals: int = 0


ROOT = math.sqrt(SHAPE["hidden"])
SYSTEM_CASES = [
    SystemCase("vaswani", "vaswani", "sinusoid", activation=functional.relu, scale=ROOT),
    SystemCase(
        "bert",
        "bert",
        "learned",
        segments=[[0, 0, 1, 1], [0], [0, 1, 1, 1, 1, 1]],
        embedding_norm=True,
    ),
    SystemCase("gpt", "gpt", "learned", norm_first=True, causal=True, tied=True),
    SystemCase("gpt_with_own_head", "gpt", "learned", norm_first=True, causal=True),
    SystemCase(
        "transformer_xl",
        "transformer_xl",
        "none",
        activation=functional.relu,
        scale=ROOT,
        causal=True,
        before=[[7, 2, 9], [1], [4]],
        memory=2,
    ),
    SystemCase("longformer", "longformer", "learned", embedding_norm=True, window=1, globals=1),
]


def sinusoid(convention: str, position_rms: float) -> Tensor:
    """Rows (max_length, d) of Vaswani et al. 2017, §3.5, at the scale asked for (0: as they are)."""
    d = SHAPE["hidden"]
    half = d // 2
    rows = torch.empty(SHAPE["max_length"], d)
    for t in range(SHAPE["max_length"]):
        for i in range(half):
            if convention == "interleaved":
                angle = t / 10000.0 ** (2 * i / d)
                at_sin, at_cos = 2 * i, 2 * i + 1
            else:
                angle = t / 10000.0 ** (i / (half - 1))
                at_sin, at_cos = i, half + i
            rows[t, at_sin], rows[t, at_cos] = math.sin(angle), math.cos(angle)
    # sin² + cos² = 1 in each pair: the root mean square of a row is √½.
    return rows * (position_rms * math.sqrt(2) if position_rms > 0 else 1.0)


def parameters_of(case: Case) -> dict[str, Tensor]:
    """Random values under posbench's names and shapes; a vector has one row."""
    random = torch.Generator().manual_seed(2017)
    d, ff = SHAPE["hidden"], SHAPE["feed_forward"]
    shapes = {"token": (SHAPE["vocabulary"], d), "norm0.gamma": (1, d), "norm0.beta": (1, d)}
    for layer in range(SHAPE["layers"]):
        at = f"layer{layer}."
        shapes |= {at + "qkv": (d, 3 * d), at + "qkv_bias": (1, 3 * d)}
        shapes |= {at + "out": (d, d), at + "out_bias": (1, d)}
        shapes |= {at + "norm1.gamma": (1, d), at + "norm1.beta": (1, d)}
        shapes |= {at + "ff1": (d, ff), at + "ff1_bias": (1, ff)}
        shapes |= {at + "ff2": (ff, d), at + "ff2_bias": (1, d)}
        shapes |= {at + "norm2.gamma": (1, d), at + "norm2.beta": (1, d)}
    shapes |= {"head": (d, SHAPE["classes"]), "head_bias": (1, SHAPE["classes"])}
    values = {name: 0.6 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    if case.encoding == "learned":
        values["position"] = 0.6 * torch.randn(SHAPE["max_length"], d, generator=random)
    if case.encoding == "sinusoid_trainable":
        values["position"] = sinusoid(case.convention, case.position_rms)
    # f32 numbers, so that Encoder<float> starts from the very same values.
    return {name: value.float().double().requires_grad_() for name, value in values.items()}


def layer_of(values: dict[str, Tensor], at: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """PyTorch's encoder layer and its weights, made of ours: theirs are transposed."""
    module = nn.TransformerEncoderLayer(
        SHAPE["hidden"],
        SHAPE["heads"],
        SHAPE["feed_forward"],
        dropout=0.0,
        activation=functional.gelu,
        layer_norm_eps=EPSILON,
        batch_first=True,
        norm_first=False,
    )
    weights = {
        "self_attn.in_proj_weight": values[at + "qkv"].T,
        "self_attn.in_proj_bias": values[at + "qkv_bias"][0],
        "self_attn.out_proj.weight": values[at + "out"].T,
        "self_attn.out_proj.bias": values[at + "out_bias"][0],
        "norm1.weight": values[at + "norm1.gamma"][0],
        "norm1.bias": values[at + "norm1.beta"][0],
        "linear1.weight": values[at + "ff1"].T,
        "linear1.bias": values[at + "ff1_bias"][0],
        "linear2.weight": values[at + "ff2"].T,
        "linear2.bias": values[at + "ff2_bias"][0],
        "norm2.weight": values[at + "norm2.gamma"][0],
        "norm2.bias": values[at + "norm2.beta"][0],
    }
    return module, weights


def forward(case: Case, values: dict[str, Tensor], tokens: list[int]) -> Tensor:
    """Logits (tokens, classes) of one sequence."""
    x = functional.embedding(torch.tensor(tokens), values["token"])
    if "position" in values:
        x = x + values["position"][: len(tokens)]
    elif case.encoding == "sinusoid":
        x = x + sinusoid(case.convention, case.position_rms)[: len(tokens)]
    gamma, beta = values["norm0.gamma"][0], values["norm0.beta"][0]
    x = functional.layer_norm(x, (SHAPE["hidden"],), gamma, beta, EPSILON)
    for layer in range(SHAPE["layers"]):
        module, weights = layer_of(values, f"layer{layer}.")
        x = torch.nn.utils.stateless.functional_call(module, weights, (x.unsqueeze(0),))[0]
    return x @ values["head"] + values["head_bias"]


def system_parameters(case: SystemCase) -> dict[str, Tensor]:
    """As parameters_of, for a system."""
    random = torch.Generator().manual_seed(2017)
    d, ff, classes = SHAPE["hidden"], SHAPE["feed_forward"], SHAPE["classes"]
    shapes: dict[str, tuple[int, int]] = {"token": (SHAPE["vocabulary"], d)}

    def linear(name: str, inner: int, outer: int) -> None:
        shapes[name], shapes[name + "_bias"] = (inner, outer), (1, outer)

    def norm(name: str) -> None:
        shapes[name + ".gamma"], shapes[name + ".beta"] = (1, d), (1, d)

    if case.segments:
        shapes["segment"] = (2, d)
    if case.encoding == "learned":
        shapes["position"] = (SHAPE["max_length"], d)
    if case.embedding_norm:
        norm("norm0")
    for layer in range(SHAPE["layers"]):
        at = f"layer{layer}."
        linear(at + "qkv", d, 3 * d)
        if case.globals:
            linear(at + "global", d, 3 * d)
        linear(at + "out", d, d)
        norm(at + "norm1")
        linear(at + "ff1", d, ff)
        linear(at + "ff2", ff, d)
        norm(at + "norm2")
    if case.norm_first:
        norm("final_norm")
    if not case.tied:
        linear("head", d, classes)
    values = {name: 0.6 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    return {name: value.float().double().requires_grad_() for name, value in values.items()}


def linear_of(x: Tensor, values: dict[str, Tensor], name: str) -> Tensor:
    return x @ values[name] + values[name + "_bias"][0]


def norm_of(x: Tensor, values: dict[str, Tensor], name: str) -> Tensor:
    """(x − mean) / √(variance + ε) · γ + β (Ba 2016)."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt()
    return centred / deviation * values[name + ".gamma"][0] + values[name + ".beta"][0]


def seen(case: SystemCase, queries: int, keys: int) -> Tensor:
    """Which keys (keys) each query (queries), the last ones of them, sees."""
    row = torch.arange(keys - queries, keys).unsqueeze(1)
    column = torch.arange(keys).unsqueeze(0)
    if case.window:  # Beltagy 2020, §3.1
        near = (row - column).abs() <= case.window
        return near | (row < case.globals) | (column < case.globals)
    return column <= row if case.causal else torch.ones(queries, keys, dtype=torch.bool)


def attention_of(
    case: SystemCase, values: dict[str, Tensor], at: str, x: Tensor, joined: Tensor
) -> Tensor:
    """Vaswani 2017, equation 1, by heads: rows x (n, d) ask, rows `joined` (m, d) answer."""
    size = SHAPE["hidden"] // SHAPE["heads"]

    def heads(projection: str, of_joined: Tensor, of_x: Tensor) -> Tensor:
        q = linear_of(of_x, values, at + projection).chunk(3, -1)[0]
        _, k, v = linear_of(of_joined, values, at + projection).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (SHAPE["heads"], size)).transpose(0, 1) for part in (q, k, v))
        scores = q @ k.transpose(1, 2) / math.sqrt(size)
        scores = scores.masked_fill(~seen(case, len(of_x), len(of_joined)), -math.inf)
        return (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)

    context = heads("qkv", joined, x)
    if case.globals:  # global rows ask with projections of their own
        context = torch.cat([heads("global", joined, x)[: case.globals], context[case.globals :]])
    return linear_of(context, values, at + "out")


def system_forward(
    case: SystemCase,
    values: dict[str, Tensor],
    tokens: list[int],
    segments: list[int],
    cached: list[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """Logits of one sequence, and the states that the next segment of it finds."""
    x = values["token"][tokens] * case.scale
    if segments:
        x = x + values["segment"][segments]
    if case.encoding == "learned":
        x = x + values["position"][: len(tokens)]
    if case.encoding == "sinusoid":
        x = x + sinusoid("interleaved", 0.0)[: len(tokens)]
    if case.embedding_norm:
        x = norm_of(x, values, "norm0")
    states = []
    for layer in range(SHAPE["layers"]):
        at = f"layer{layer}."
        # Dai 2019, §3.2: cached states stand before the new ones, and no gradient goes into them.
        joined = torch.cat([cached[layer].detach(), x]) if cached else x
        states.append(joined[-case.memory :] if case.memory else x[:0])

        def feed(y: Tensor) -> Tensor:
            inner = case.activation(linear_of(y, values, at + "ff1"))
            return linear_of(inner, values, at + "ff2")

        if case.norm_first:  # Radford 2019, §2.3
            normed = norm_of(x, values, at + "norm1")
            x = x + attention_of(case, values, at, normed, normed)
            x = x + feed(norm_of(x, values, at + "norm2"))
        else:
            x = norm_of(x + attention_of(case, values, at, x, joined), values, at + "norm1")
            x = norm_of(x + feed(x), values, at + "norm2")
    if case.norm_first:
        x = norm_of(x, values, "final_norm")
    return (x @ values["token"].T if case.tied else linear_of(x, values, "head")), states


def flat(value: Tensor) -> list[float]:
    numbers: list[float] = value.detach().reshape(-1).tolist()
    return numbers


def write(name: str, content: dict[str, Any]) -> None:
    # repr of a float64 has as many digits as it takes to get the same number back.
    (HERE / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def make_encoder(case: Case) -> None:
    values = parameters_of(case)
    logits, labels = [], []
    for tokens, wanted in zip(SEQUENCES, LABELS):
        rows = [row for row, label in enumerate(wanted) if label >= 0]
        logits.append(forward(case, values, tokens)[rows])
        labels += [wanted[row] for row in rows]
    all_logits = torch.cat(logits)
    loss = functional.cross_entropy(all_logits, torch.tensor(labels))
    loss.backward()
    write(
        f"encoder_{case.name}",
        {
            "made_by": f"tests/golden/make_encoder_golden.py with PyTorch {torch.__version__}",
            "encoding": case.encoding,
            "convention": case.convention,
            "position_rms": case.position_rms,
            "shape": SHAPE,
            "sequences": SEQUENCES,
            "labels": LABELS,
            "parameters": {name: flat(value) for name, value in values.items()},
            "logits": flat(all_logits),
            "loss": loss.item(),
            "gradients": {
                name: flat(value.grad) for name, value in values.items() if value.grad is not None
            },
        },
    )


def make_system(case: SystemCase) -> None:
    values = system_parameters(case)
    classes = SHAPE["vocabulary"] if case.tied else SHAPE["classes"]
    all_labels = [
        [label if label < 0 else (5 * row + label) % classes for row, label in enumerate(wanted)]
        for wanted in LABELS
    ]
    logits, labels = [], []
    for s, (tokens, wanted) in enumerate(zip(SEQUENCES, all_labels)):
        rows = [row for row, label in enumerate(wanted) if label >= 0]
        cached: list[Tensor] = []
        if case.before:
            cached = system_forward(case, values, case.before[s], [], [])[1]
        segments = case.segments[s] if case.segments else []
        logits.append(system_forward(case, values, tokens, segments, cached)[0][rows])
        labels += [wanted[row] for row in rows]
    found = torch.cat(logits)
    loss = functional.cross_entropy(found, torch.tensor(labels))
    loss.backward()
    write(
        f"encoder_{case.name}",
        {
            "made_by": f"tests/golden/make_encoder_golden.py with PyTorch {torch.__version__}",
            "system": case.system,
            "encoding": case.encoding,
            "convention": "interleaved",
            "position_rms": 0.0,
            "shape": SHAPE
            | {
                "classes": classes,
                # Room for what is cached; a learned table has no row more.
                "max_length": SHAPE["max_length"] + case.memory,
                "window": case.window,
                "globals": case.globals,
            },
            "memory": case.memory,
            "before": case.before,
            "sequences": SEQUENCES,
            "segments": case.segments,
            "labels": all_labels,
            "parameters": {name: flat(value) for name, value in values.items()},
            "logits": flat(found),
            "loss": loss.item(),
            "gradients": {
                name: flat(value.grad) for name, value in values.items() if value.grad is not None
            },
        },
    )


def make_adamw() -> None:
    """Four steps on a matrix, which decays, and a vector, which does not, with a clipped gradient.

    Rates as posbench's schedule has them with a peak of 0.02 and half of the steps of warm-up: up
    to the peak in two steps, then down towards 0 at the step after the last.
    """
    random = torch.Generator().manual_seed(2019)
    rates, clip = [0.01, 0.02, 0.02 * 2 / 3, 0.02 * 1 / 3], 1.0
    matrix = torch.randn(3, 5, generator=random).requires_grad_()
    vector = torch.randn(7, generator=random).requires_grad_()
    optimizer = torch.optim.AdamW(
        [
            {"params": [matrix], "weight_decay": 0.01},
            {"params": [vector], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    start = {"matrix": flat(matrix), "vector": flat(vector)}
    steps = []
    for t, rate in enumerate(rates):
        # The first two gradients are longer than 1 and are clipped, the others are not.
        size = 0.8 if t < 2 else 0.05
        gradients = [size * torch.randn(p.shape, generator=random) for p in (matrix, vector)]
        norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
        assert (norm > clip) == (t < 2)
        for parameter, gradient in zip((matrix, vector), gradients):
            parameter.grad = gradient * min(1.0, clip / norm)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        steps.append(
            {
                "rate": rate,
                "gradient": {"matrix": flat(gradients[0]), "vector": flat(gradients[1])},
                "after": {"matrix": flat(matrix), "vector": flat(vector)},
            }
        )
    write(
        "adamw",
        {
            "made_by": f"tests/golden/make_encoder_golden.py with PyTorch {torch.__version__}",
            "learning_rate": 0.02,
            "warmup": 0.5,
            "weight_decay": 0.01,
            "clip_norm": clip,
            "start": start,
            "steps": steps,
        },
    )


def main() -> None:
    torch.set_default_dtype(torch.float64)
    for case in CASES:
        make_encoder(case)
    for system_case in SYSTEM_CASES:
        make_system(system_case)
    make_adamw()


if __name__ == "__main__":
    main()
