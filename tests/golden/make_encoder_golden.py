"""Makes the golden files of the encoder and of AdamW with PyTorch, in float64.

    /usr/bin/python3 tests/golden/make_encoder_golden.py

PyTorch (Debian: python3-torch) is needed only to remake them. The plain encoder is put together
from PyTorch's own parts (nn.TransformerEncoderLayer, which is post-norm as BERT's is; nn.LayerNorm;
functional.embedding; cross_entropy) and runs one sequence at a time, so that packing, attention,
backward and optimizer of posbench are compared with code that shares none of theirs. Systems and
encodings: make_system_golden.py.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from position_encodings import EPSILON, Encoding, sinusoid

HERE = Path(__file__).parent
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

    def sinusoid(self) -> Tensor:
        d, length = SHAPE["hidden"], SHAPE["max_length"]
        return sinusoid(Encoding("", self.convention, d, 1, False, length, self.position_rms))


CASES = [
    Case("learned", "learned"),
    Case("sinusoid_interleaved", "sinusoid", position_rms=0.2),
    Case("sinusoid_tensor2tensor", "sinusoid", "tensor2tensor"),
    Case("sinusoid_trainable", "sinusoid_trainable", position_rms=0.5),
    Case("none", "none"),
]


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
        values["position"] = case.sinusoid()
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
        x = x + case.sinusoid()[: len(tokens)]
    gamma, beta = values["norm0.gamma"][0], values["norm0.beta"][0]
    x = functional.layer_norm(x, (SHAPE["hidden"],), gamma, beta, EPSILON)
    for layer in range(SHAPE["layers"]):
        module, weights = layer_of(values, f"layer{layer}.")
        x = torch.nn.utils.stateless.functional_call(module, weights, (x.unsqueeze(0),))[0]
    return x @ values["head"] + values["head_bias"]


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
    make_adamw()


if __name__ == "__main__":
    main()
