"""What the scripts of golden files share: where they go, how they are written, and numbers that need
no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def write(name: str, content: dict[str, Any]) -> None:
    # repr of a float64 has as many digits as it takes to get the same number back.
    target = HERE / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(content, separators=(",", ":")) + "\n")


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
