"""Rules: one module per kind, each with `decide(part, evidence, others) -> Finding`.

A claim names its kinds in its TOML file; a new kind is a new module here and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Mapping

from report.statistics import Estimate


SUPPORTED, CONTRADICTED = "SUPPORTED", "CONTRADICTED"
UNDECIDED, NOT_TESTABLE = "UNDECIDED", "NOT TESTABLE"

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a rule says about one part of a claim; numbers that do not exist are nan."""

    verdict: str
    reason: str  # key of the sentence under [reason] in the locale
    values: Mapping[str, Any] = field(default_factory=dict)  # what that sentence mentions
    setting: str = ""
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    level: float = math.nan
    margin: float = math.nan
    unit: str = ""
    n: int = 0
    p: float = math.nan  # unadjusted, of the test for a difference
    superior: bool = False  # whether that difference supports (it is better) or contradicts
    bound: str = ""  # "≥", "≤" or "≈" where arrivals that never came stand at the last step
    estimate: Estimate | None = None  # the effect with its error, on the scale it was tested on
    marks: tuple[str, ...] = ()  # keys under [mark] in the locale


def exists(kind: str) -> bool:
    return importlib.util.find_spec(f"report.rules.{kind}") is not None


def module(kind: str) -> ModuleType:
    """The module of a rule's kind; ModuleNotFoundError where none `exists`."""
    return importlib.import_module(f"report.rules.{kind}")
