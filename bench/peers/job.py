"""What a peer is asked to compute: the files of a job's folder, see job.h."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sentences:
    """A batch of S sequences end to end; every token has a label."""

    lengths: Int32s  # (S)
    tokens: Int32s  # (T)
    labels: Int32s  # (T)


@dataclass(frozen=True)
class Job:
    trains: bool
    precision: str  # f32 or bf16
    system: dict[str, Any]  # its name and what it does in another way, see src/encoder/systems.h
    encoding: str
    convention: str  # empty: the encoding's first
    shape: dict[str, int]
    optimizer: dict[str, float]
    weights: dict[str, Floats]  # matrices (in, out), vectors (n)
    batches: list[Sentences]
    scored: list[Sentences]


def read_job(folder: Path) -> Job:
    text: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return Job(
        trains=text["trains"],
        precision=text["precision"],
        system=text["system"],
        encoding=text["encoding"],
        convention=text["convention"],
        shape=text["shape"],
        optimizer=text["optimizer"],
        weights=read_weights((folder / "weights.bin").read_bytes()),
        batches=read_batches(folder / "batches.bin"),
        scored=read_batches(folder / "scored.bin"),
    )


def read_weights(data: bytes) -> dict[str, Floats]:
    """The parts of a weights file (src/encoder/weights.h)."""
    header, _, _ = data.partition(b"\n\n")
    at = len(header) + 2
    weights = {}
    for line in header.decode().splitlines():
        name, rows, columns = line.split()
        shape = (int(rows), int(columns))
        values = np.frombuffer(data, np.float32, shape[0] * shape[1], at).reshape(shape)
        weights[name] = (values[0] if shape[0] == 1 and is_vector(name) else values).copy()
        at += values.nbytes
    return weights


def is_vector(name: str) -> bool:
    return name.endswith(("_bias", ".gamma", ".beta"))


def read_batches(file: Path) -> list[Sentences]:
    numbers = np.fromfile(file, np.int32)
    at = 1

    def take(n: int) -> Int32s:
        nonlocal at
        at += n
        return numbers[at - n : at]

    batches = []
    for _ in range(int(numbers[0])):
        lengths = take(int(take(1)[0]))
        tokens = int(lengths.sum())
        batches.append(Sentences(lengths, take(tokens), take(tokens)))
    return batches


def learning_rate_at(optimizer: dict[str, float], step: int) -> float:
    """The schedule of src/encoder/optimizer.h: a linear rise, then a linear fall."""
    done = step + 1
    rise = optimizer["warmup"] * optimizer["steps"]
    if done <= rise:
        return optimizer["learning_rate"] * done / rise
    return (
        optimizer["learning_rate"] * (optimizer["steps"] - step) / (optimizer["steps"] - rise + 1)
    )
