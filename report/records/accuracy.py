"""Records of harness `accuracy`: one training with its scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Mapping

import numpy as np

from report.fields import Fields, Floats


@dataclass(frozen=True)
class Score:
    loss: float  # nats per unit
    accuracy: float  # 0..1
    examples: int
    scores: Mapping[str, float] = field(default_factory=dict)  # the task's own, by name


@dataclass(frozen=True)
class Side(Score):
    """A test side of longer texts; its documents as in Accuracy."""

    loss_by_position: list[tuple[int, float, int]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    sums: Floats = field(default_factory=lambda: np.array([]))
    counts: Floats = field(default_factory=lambda: np.array([]))


@dataclass(frozen=True)
class CurvePoint:
    step: int
    tokens: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float


@dataclass(frozen=True)
class Theory:
    """What is known of a data set that asks for order."""

    chance: float  # accuracy of the best predictor that cannot see order
    allowed: list[str]  # encodings that can do better
    reason: str


@dataclass(frozen=True)
class Accuracy:
    """One training with its scores; `correct` and `units` are sums per test document.

    The headline is sum(sums) / sum(counts), over all documents or any choice of them; empty in
    records from before documents told it.
    """

    parameters: int
    position_parameters: int
    stopped: str | None  # why the training broke off, if it did
    curve: list[CurvePoint]
    dev: Score
    test: Score
    loss_by_position: list[tuple[int, float, int]]  # position, loss, number of units
    documents: list[str]
    units: Floats
    correct: Floats
    split: int
    metric: str = "accuracy"  # the task's headline: a name of `scores`, or loss
    theory: Theory | None = None  # of generated data
    longer: Mapping[str, Side] = field(default_factory=dict)  # test sides of longer texts
    sums: Floats = field(default_factory=lambda: np.array([]))  # per document
    counts: Floats = field(default_factory=lambda: np.array([]))
    positions_moved: float = float("nan")  # of a trained table: ‖P − P₀‖ / ‖P₀‖

    @property
    def headline(self) -> float:
        return self.on(self.test)

    def on(self, score: Score) -> float:
        """The headline among the scores of a side."""
        return score.loss if self.metric == "loss" else score.scores[self.metric]


def score(fields: Fields) -> Score:
    accuracy = fields.number("accuracy")
    # Absent in records from before tasks had scores of their own.
    scores = fields.table_at("scores").floats() if "scores" in fields.table else {}
    return Score(
        fields.number("loss"),
        accuracy,
        fields.integer("examples"),
        {"accuracy": accuracy, **scores},
    )


def theory(fields: Fields) -> Theory:
    allowed = [str(name) for name in fields.get("allowed", list)]
    return Theory(fields.number("chance"), allowed, fields.text("reason"))


NO_SCORE: Mapping[str, Any] = {"loss": None, "accuracy": None, "examples": 0}


NO_SCORES: Mapping[str, Any] = {  # of a training that broke off
    "dev": NO_SCORE,
    "test": NO_SCORE,
    "loss_by_position": [],
    "test_units": {"documents": [], "units_per_document": [], "correct": ""},
}


def read(fields: Fields, spec: Fields) -> Accuracy:
    stopped = fields.table.get("stopped")
    if stopped:
        fields = Fields({**NO_SCORES, **fields.table}, fields.place, fields.way_out)
    unit_table = fields.table_at("test_units")
    units = unit_table.numbers("units_per_document")
    documents = [str(d) for d in unit_table.get("documents", list)]
    if len(documents) != len(units):
        unit_table.refuse(f"names {len(documents)} documents and sizes of {len(units)}")
    bits = unit_table.bits("correct", int(units.sum()))
    ends = np.cumsum(units).astype(np.int64)
    correct = np.diff(np.concatenate([[0.0], np.concatenate([[0.0], np.cumsum(bits)])[ends]]))
    test = score(fields.table_at("test"))
    sums, counts = quotients(fields, unit_table, correct, units)
    if units.sum() and abs(correct.sum() / units.sum() - test.accuracy) > 1e-6:
        fields.refuse("has a test accuracy that its own correctness bits do not give")
    found = Accuracy(
        parameters=fields.integer("parameters"),
        position_parameters=fields.integer("position_parameters"),
        stopped=f"step {stopped['step']}: {stopped['reason']}" if stopped else None,
        curve=[
            CurvePoint(
                p.integer("step"),
                p.integer("tokens"),
                p.number("train_loss"),
                p.number("dev_loss"),
                p.number("dev_accuracy"),
            )
            for p in fields.rows("curve")
        ],
        dev=score(fields.table_at("dev")),
        test=test,
        loss_by_position=by_position(fields),
        documents=documents,
        units=units,
        correct=correct,
        split=fields.integer("split"),
        sums=sums,
        counts=counts,
        **task_of(fields, test),
    )
    if sums.any() and abs(sums.sum() / counts.sum() - found.headline) > 1e-6:
        fields.refuse("has a test score that the sums of its documents do not give")
    return found


def by_position(fields: Fields) -> list[tuple[int, float, int]]:
    return [
        (p.integer("position"), p.number("loss"), p.integer("n"))
        for p in fields.rows("loss_by_position")
    ]


def quotients(
    result: Fields, fields: Fields, correct: Floats, units: Floats
) -> tuple[Floats, Floats]:
    """Per document the headline as a sum and a count."""
    if result.table.get("metric", "accuracy") == "accuracy":
        return correct, units
    if fields.table.get("headline") is None:
        return np.array([]), np.array([])
    return headline(fields, len(units))


def headline(fields: Fields, documents: int) -> tuple[Floats, Floats]:
    table = fields.table_at("headline")
    sums, counts = table.numbers("sums"), table.numbers("counts")
    if not len(sums) == len(counts) == documents:
        table.refuse(f"has {len(sums)} sums and {len(counts)} counts for {documents} documents")
    return sums, counts


def side_of(fields: Fields) -> Side:
    found = score(fields)
    # Absent in records from before longer sides were broken down, by position and by document.
    rows = by_position(fields) if "loss_by_position" in fields.table else []
    side = Side(found.loss, found.accuracy, found.examples, found.scores, rows)
    if "headline" not in fields.table:
        return side
    documents = [str(name) for name in fields.get("documents", list)]
    sums, counts = headline(fields, len(documents))
    return replace(side, documents=documents, sums=sums, counts=counts)


def task_of(fields: Fields, test: Score) -> dict[str, Any]:
    """What records say since there are several tasks."""
    if "metric" not in fields.table:
        return {}
    metric = fields.text("metric")
    if metric != "loss" and metric not in test.scores:
        fields.refuse(f"has no test score '{metric}', its own headline")
    return {
        "metric": metric,
        "theory": theory(fields.table_at("theory")) if fields.table.get("theory") else None,
        "longer": {side.text("name"): side_of(side) for side in fields.rows("longer")},
        "positions_moved": float(fields.table.get("positions_moved") or "nan"),
    }
