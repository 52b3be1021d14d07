"""Makes the golden files of the systems and of every encoding in every system that can have it,
with PyTorch, in float64.

    /usr/bin/python3 tests/golden/make_system_golden.py

PyTorch (Debian: python3-torch) is needed only to remake them. Everything is written from the
formulae of the papers and runs one sequence at a time; gradients are PyTorch's own. The files of
systems hold their parameters; those of pairs/ make do with a formula for them (`parameter`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import position_encodings as positions
from make_encoder_golden import HERE, LABELS, SEQUENCES, SHAPE, flat, write
from position_encodings import EPSILON, Encoding

# Files of pairs are many: all that is needed to tell places, heads and layers apart.
SMALL_SHAPE = SHAPE | {"feed_forward": 6, "classes": 3}


@dataclass
class SystemCase:
    """A system as its paper has it; which parameters there are follows from these."""

    name: str
    system: str
    encoding: str
    convention: str = ""
    shape: dict[str, int] = field(default_factory=lambda: SHAPE)
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

    def position(self) -> Encoding:
        # A learned table has no row for what is cached: no system has both.
        return Encoding(
            self.encoding,
            self.convention or CONVENTIONS.get(self.encoding, [""])[0],
            self.shape["hidden"],
            self.shape["heads"],
            self.causal,
            self.shape["max_length"] + self.memory,
        )


# Functions that go by an encoding's name, the usual one first.
CONVENTIONS = {
    "sinusoid": ["interleaved", "tensor2tensor"],
    "sinusoid_trainable": ["interleaved", "tensor2tensor"],
    "rope": ["pairs", "halves", "halves_quarter"],
    "shaw": ["keys_values", "keys"],
}
ROOT = math.sqrt(SHAPE["hidden"])
SYSTEMS = [
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
PLAIN = SystemCase("encoder", "encoder", "learned", embedding_norm=True)
RELATIVE = ["alibi", "t5_bias", "shaw", "transformer_xl"]
ABSOLUTE = ["learned", "sinusoid", "sinusoid_trainable"]


def pairs() -> list[SystemCase]:
    """Every encoding in the systems that can have it; in the plain one, in every convention."""
    taken = {
        "vaswani": ["none", *ABSOLUTE, "rope", *RELATIVE, "tupe"],
        "bert": ["none", *ABSOLUTE, "rope", *RELATIVE, "tupe"],
        "gpt": ["none", *ABSOLUTE, "rope", *RELATIVE, "tupe"],
        # What an earlier text has cached must not hold places; a window takes no terms of scores.
        "transformer_xl": ["none", "rope", *RELATIVE],
        "longformer": ["none", *ABSOLUTE, "rope"],
    }
    all_of = []
    for encoding in ["none", *ABSOLUTE, "rope", *RELATIVE, "tupe"]:
        for convention in CONVENTIONS.get(encoding, [""]):
            name = "-".join(word for word in ("encoder", encoding, convention) if word)
            # A quarter of a head has planes where the head has 8 columns.
            shape = SMALL_SHAPE | ({"heads": 1} if convention == "halves_quarter" else {})
            case = replace(PLAIN, name=name, encoding=encoding, convention=convention, shape=shape)
            all_of.append(case)
    for case in SYSTEMS:
        if case.name != case.system:
            continue
        for encoding in taken[case.system]:
            name = f"{case.system}-{encoding}"
            all_of.append(replace(case, name=name, encoding=encoding, shape=SMALL_SHAPE))
    return all_of


def parameter_shapes(case: SystemCase) -> dict[str, tuple[int, int]]:
    """Under posbench's names; a vector has one row."""
    shape = case.shape
    d, ff = shape["hidden"], shape["feed_forward"]
    shapes: dict[str, tuple[int, int]] = {"token": (shape["vocabulary"], d)}

    def linear(name: str, inner: int, outer: int) -> None:
        shapes[name], shapes[name + "_bias"] = (inner, outer), (1, outer)

    def norm(name: str) -> None:
        shapes[name + ".gamma"], shapes[name + ".beta"] = (1, d), (1, d)

    if case.segments:
        shapes["segment"] = (2, d)
    shared = positions.shared_shape(case.position())
    if shared:
        shapes["position"] = shared
    if case.embedding_norm:
        norm("norm0")
    for layer in range(shape["layers"]):
        at = f"layer{layer}."
        linear(at + "qkv", d, 3 * d)
        if case.globals:
            linear(at + "global", d, 3 * d)
        own = positions.layer_shape(case.position())
        if own:
            shapes[at + "position"] = own
        linear(at + "out", d, d)
        norm(at + "norm1")
        linear(at + "ff1", d, ff)
        linear(at + "ff2", ff, d)
        norm(at + "norm2")
    if case.norm_first:
        norm("final_norm")
    if not case.tied:
        linear("head", d, shape["classes"])
    return shapes


def random_parameters(case: SystemCase) -> dict[str, Tensor]:
    """f32 numbers, so that Encoder<float> starts from the very same values."""
    random = torch.Generator().manual_seed(2017)
    shapes = parameter_shapes(case)
    values = {name: 0.6 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    return {name: value.float().double().requires_grad_() for name, value in values.items()}


def parameter(name: str, i: int) -> float:
    """Number i of a parameter, a multiple of 1/64 from −1 to 1: FNV-1a's hash of the name and the
    number, mixed as MurmurHash3 ends."""
    x = 2166136261
    for byte in name.encode():
        x = (x ^ byte) * 16777619 % 2**32
    x ^= i * 2654435761 % 2**32
    x = (x ^ x >> 16) * 0x85EBCA6B % 2**32
    x = (x ^ x >> 13) * 0xC2B2AE35 % 2**32
    return ((x ^ x >> 16) % 129 - 64) / 64


def formula_parameters(case: SystemCase) -> dict[str, Tensor]:
    values = {}
    for name, (rows, columns) in parameter_shapes(case).items():
        numbers = [parameter(name, i) for i in range(rows * columns)]
        values[name] = torch.tensor(numbers).reshape(rows, columns).requires_grad_()
    return values


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
    case: SystemCase, values: dict[str, Tensor], layer: int, x: Tensor, joined: Tensor
) -> Tensor:
    """Vaswani 2017, equation 1, by heads: rows x (n, d) ask, rows `joined` (m, d) answer."""
    at, encoding = f"layer{layer}.", case.position()

    def by_heads(part: Tensor) -> Tensor:
        return positions.by_heads(encoding, part).transpose(0, 1)

    def heads(projection: str) -> Tensor:
        q = by_heads(linear_of(x, values, at + projection).chunk(3, -1)[0])
        k, v = map(by_heads, linear_of(joined, values, at + projection).chunk(3, -1)[1:])
        m = len(joined)
        q = positions.turned(encoding, q, list(range(m - len(x), m)))
        k = positions.turned(encoding, k, list(range(m)))
        scores = positions.scores(encoding, values, layer, q, k)
        weights = scores.masked_fill(~seen(case, len(x), m), -math.inf).softmax(-1)
        return positions.context(encoding, values, layer, weights, v).transpose(0, 1).flatten(1)

    context = heads("qkv")
    if case.globals:  # global rows ask with projections of their own
        context = torch.cat([heads("global")[: case.globals], context[case.globals :]])
    return linear_of(context, values, at + "out")


def forward(
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
    rows = positions.input_rows(case.position(), values, len(tokens))
    if rows is not None:
        x = x + rows
    if case.embedding_norm:
        x = norm_of(x, values, "norm0")
    states = []
    for layer in range(case.shape["layers"]):
        at = f"layer{layer}."
        # Dai 2019, §3.2: cached states stand before the new ones, and no gradient goes into them.
        joined = torch.cat([cached[layer].detach(), x]) if cached else x
        states.append(joined[-case.memory :] if case.memory else x[:0])

        def feed(y: Tensor) -> Tensor:
            inner = case.activation(linear_of(y, values, at + "ff1"))
            return linear_of(inner, values, at + "ff2")

        if case.norm_first:  # Radford 2019, §2.3
            normed = norm_of(x, values, at + "norm1")
            x = x + attention_of(case, values, layer, normed, normed)
            x = x + feed(norm_of(x, values, at + "norm2"))
        else:
            x = norm_of(x + attention_of(case, values, layer, x, joined), values, at + "norm1")
            x = norm_of(x + feed(x), values, at + "norm2")
    if case.norm_first:
        x = norm_of(x, values, "final_norm")
    return (x @ values["token"].T if case.tied else linear_of(x, values, "head")), states


def outcome(case: SystemCase, values: dict[str, Tensor]) -> dict[str, Any]:
    """What a test gives an encoder and what it should find; gradients are left in `values`."""
    classes = case.shape["vocabulary" if case.tied else "classes"]
    all_labels = [
        [label if label < 0 else (5 * row + label) % classes for row, label in enumerate(wanted)]
        for wanted in LABELS
    ]
    logits, labels = [], []
    for s, (tokens, wanted) in enumerate(zip(SEQUENCES, all_labels)):
        rows = [row for row, label in enumerate(wanted) if label >= 0]
        cached: list[Tensor] = []
        if case.before:
            cached = forward(case, values, case.before[s], [], [])[1]
        segments = case.segments[s] if case.segments else []
        logits.append(forward(case, values, tokens, segments, cached)[0][rows])
        labels += [wanted[row] for row in rows]
    found = torch.cat(logits)
    loss = functional.cross_entropy(found, torch.tensor(labels))
    loss.backward()
    return {
        "made_by": f"tests/golden/make_system_golden.py with PyTorch {torch.__version__}",
        "system": case.system,
        "encoding": case.encoding,
        "convention": case.position().convention,
        "position_rms": 0.0,
        "shape": case.shape
        | {
            "classes": classes,
            "max_length": case.shape["max_length"] + case.memory,
            "window": case.window,
            "globals": case.globals,
        },
        "memory": case.memory,
        "before": case.before,
        "sequences": SEQUENCES,
        "segments": case.segments,
        "labels": all_labels,
        "logits": flat(found),
        "loss": loss.item(),
    }


def gradients(values: dict[str, Tensor]) -> dict[str, list[float]]:
    return {name: flat(value.grad) for name, value in values.items() if value.grad is not None}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    for case in SYSTEMS:
        values = random_parameters(case)
        content = outcome(case, values)
        content["parameters"] = {name: flat(value) for name, value in values.items()}
        write(f"encoder_{case.name}", content | {"gradients": gradients(values)})
    (HERE / "pairs").mkdir(exist_ok=True)
    for case in pairs():
        values = formula_parameters(case)
        content = outcome(case, values)
        # Nine digits tell an error in a formula from rounding.
        content["gradients"] = {
            name: [float(f"{number:.9g}") for number in numbers]
            for name, numbers in gradients(values).items()
        }
        write(f"pairs/{case.name}", content)


if __name__ == "__main__":
    main()
