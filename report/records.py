"""What a record is, once read: one class per harness."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from report.fields import Fields, Named

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class Baseline:
    """A predictor that is no encoder; nan where the headline is a loss, which it has none of."""

    metric: str
    headline: float
    examples: int


@dataclass(frozen=True)
class Probe:
    """What a linear map reads off a table, and off random ones; nan where there is no table."""

    r2: float
    band_accuracy: float
    random_r2: Floats  # (draws,)
    random_band_accuracy: Floats


@dataclass(frozen=True)
class ReadingCost:
    bytes: int
    reading_s: Floats  # (repetitions,)
    tokenizing_s: Floats


@dataclass(frozen=True)
class Timing:
    """One arm of one process: nanoseconds per call, and the block in which each was taken."""

    block: NDArray[np.int64]
    ns: Floats
    parts: Mapping[str, Floats] = field(default_factory=dict)  # where they went (encoder_cost only)


@dataclass(frozen=True)
class EncodingCost:
    arms: Mapping[str, Timing]
    threads: int
    bytes: Mapping[str, int]  # that a call must move: x, y, each row of a table once
    stream: Mapping[str, str]  # the streaming arm with the same mix of loads and stores
    working_set_bytes: Mapping[str, int]  # that a call touches
    chosen: Mapping[str, str]  # the kernel that each `best` arm ran
    rule: Mapping[str, str]  # by which it chose, one sentence
    max_abs_error: Mapping[str, float]  # at positions below the length
    max_abs_error_1e6: Mapping[str, float]  # at positions up to a million
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class EncoderCost:
    arms: Mapping[str, Timing]
    timer_ns: float
    tokens: float  # of a call
    gflop: Mapping[str, float]  # in a call's matrix products
    f32_peak_gflops: Floats  # (blocks,): of the core, measured before each block
    memory: Mapping[str, Mapping[str, int]]  # parameters, and bytes, see MEMORY
    allocations: Mapping[str, int]  # of posbench's own code, in the arm's call with the most
    library_allocations: Mapping[str, int]


@dataclass(frozen=True)
class PeerCost:
    """The same encoder in several engines; times are CPU time."""

    arms: Mapping[str, Timing]
    calls: Mapping[str, Floats]  # behind each time
    skipped: Mapping[str, str]  # engine -> why it took no part
    peak_memory_bytes: Mapping[str, int]  # of the engine's whole process
    tokens: float  # of a call
    gflop: Mapping[str, float]  # in a call's matrix products
    f32_peak_gflops: Floats  # (blocks,): of the core, measured before each block
    outputs_apart: Mapping[str, float]  # largest difference of logits from ours, over their RMS
    accuracy: Mapping[str, float]  # after an epoch
    versions: Mapping[str, Mapping[str, str]]
    tuning: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MemoryEncoding:
    exact: Mapping[str, int]
    allocated_bytes: int
    peak_rss_bytes: int
    difference_bytes: int
    explanation: str


@dataclass(frozen=True)
class MemoryModel:
    total_parameters: int
    position_parameters: int
    training_state_bytes: int


@dataclass(frozen=True)
class ErrorRange:
    """Absolute errors at positions first … last, over the rows that were looked at and all columns."""

    first: int
    last: int
    rows: int
    largest: float
    mean: float
    worst_t: int  # where the largest is
    worst_column: int
    declared: float  # the largest that the way to make the sinusoid allows itself there


@dataclass(frozen=True)
class EncodingErrors:
    """One way to make the sinusoid against arithmetic of 50 digits."""

    arm: str  # what encoding_cost calls it
    ranges: list[ErrorRange]  # in order of positions


@dataclass(frozen=True)
class Isa:
    """Instruction sets: what was asked for, and what the kernels and oneDNN then used."""

    asked: str
    used: str
    onednn: str


Result = (
    Accuracy
    | Baseline
    | EncodingCost
    | EncoderCost
    | EncodingErrors
    | MemoryEncoding
    | MemoryModel
    | PeerCost
    | Probe
    | ReadingCost
)


@dataclass(frozen=True)
class Trial:
    id: str
    harness: str
    spec: Mapping[str, Any]
    seed: int
    fingerprint: str
    isa: Isa
    host: str
    ended: str
    core_seconds: float
    peak_rss_bytes: int
    steal_share: float
    path: Path
    result: Result


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


def accuracy(fields: Fields, spec: Fields) -> Accuracy:
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


def baseline(fields: Fields, spec: Fields) -> Baseline:
    metric = fields.text("metric")
    test = fields.table_at("test")
    scores = {"loss": float("nan"), **test.table_at("scores").floats()}
    if metric not in scores:
        fields.refuse(f"has no test score '{metric}', its own headline")
    return Baseline(metric, scores[metric], test.integer("examples"))


def probe(fields: Fields, spec: Fields) -> Probe:
    if fields.table.get("table") is None:
        return Probe(float("nan"), float("nan"), np.array([]), np.array([]))
    table = fields.table_at("table")
    random = table.rows("random")
    return Probe(
        table.number("r2"),
        table.number("band_accuracy"),
        np.array([draw.number("r2") for draw in random]),
        np.array([draw.number("band_accuracy") for draw in random]),
    )


def reading_cost(fields: Fields, spec: Fields) -> ReadingCost:
    return ReadingCost(
        fields.integer("bytes"), fields.numbers("reading_s"), fields.numbers("tokenizing_s")
    )


def timing(fields: Fields, parts: Mapping[str, Floats] | None = None) -> Timing:
    found = Timing(fields.numbers("block").astype(np.int64), fields.numbers("ns"), parts or {})
    if any(len(found.ns) != len(other) for other in (found.block, *found.parts.values())):
        fields.refuse("has lists of different length")
    if not len(found.ns) or not np.all(found.ns > 0):
        fields.refuse("has no time, or one that is not positive")
    return found


BEFORE_LIMITS: Mapping[str, Any] = {
    "threads": 1,
    "bytes": {},
    "stream": {},
    "working_set_bytes": {},
    "chosen": {},
    "rule": {},
}


def encoding_cost(fields: Fields, spec: Fields) -> EncodingCost:
    arms = {arm: timing(t) for arm, t in fields.table_at("arms").tables().items()}
    if "bytes" not in fields.table:  # written before arms had limits and rules of their own
        fields = Fields({**BEFORE_LIMITS, **fields.table}, fields.place, fields.way_out)
    found = EncodingCost(
        arms=arms,
        threads=fields.integer("threads"),
        bytes=fields.table_at("bytes").integers(),
        stream=fields.table_at("stream").texts(),
        working_set_bytes=fields.table_at("working_set_bytes").integers(),
        chosen=fields.table_at("chosen").texts(),
        rule=fields.table_at("rule").texts(),
        max_abs_error=fields.table_at("max_abs_error").floats(),
        max_abs_error_1e6=fields.table_at("max_abs_error_1e6").floats(),
        skipped=fields.table_at("skipped").texts(),
    )
    check_limits(fields, found)
    return found


def check_limits(fields: Fields, found: EncodingCost) -> None:
    """Refuses limits that cannot be computed: a share divides bytes by bytes."""
    for arm in found.bytes.keys() - found.working_set_bytes.keys():
        fields.refuse(f"has the bytes of '{arm}', but not its working set")
    for arm, stream in found.stream.items():
        if {arm, stream} <= found.arms.keys():
            if min(found.bytes.get(arm, 0), found.bytes.get(stream, 0)) <= 0:
                fields.refuse(f"gives '{arm}' the limit '{stream}', but not the bytes of both")


def peaks(fields: Fields, arms: Mapping[str, Timing]) -> Floats:
    """The core's peak before each block; none in records from before it was measured."""
    found = fields.numbers("f32_peak_gflops")
    if len(found) and any(t.block.max() >= len(found) for t in arms.values()):
        fields.refuse("has fewer entries in 'f32_peak_gflops' than blocks")
    return found


BEFORE_PARTS: Mapping[str, Any] = {
    "tokens": None,
    "gflop": None,
    "f32_peak_gflops": [],
    "allocations_per_call": {},
}


MEMORY = ("parameters", "position_parameters", "position_bytes", "working_bytes")


def gflop_of(fields: Fields, arms: Mapping[str, Timing]) -> Mapping[str, float]:
    """By arm; one number, where it is the same for all."""
    if not isinstance(fields.table["gflop"], dict):
        return dict.fromkeys(arms, fields.number("gflop"))
    found = fields.table_at("gflop").floats()
    if missing := sorted(arms.keys() - found.keys()):
        fields.refuse(f"has no 'gflop' of '{missing[0]}'")
    return found


def parts_of(fields: Fields) -> Mapping[str, Floats]:
    """The times of each part; records from before the others were measured have the position's."""
    if "position_ns" in fields.table:
        return {"position": fields.numbers("position_ns")}
    parts = fields.table_at("parts")
    if "position" not in parts.table:
        parts.refuse("lacks 'position'")
    return {part: parts.numbers(part) for part in parts.table}


def encoder_cost(fields: Fields, spec: Fields) -> EncoderCost:
    arms = {a: timing(t, parts_of(t)) for a, t in fields.table_at("arms").tables().items()}
    if "allocations_per_call" not in fields.table:  # written before the engine was measured
        fields = Fields({**BEFORE_PARTS, **fields.table}, fields.place, fields.way_out)
    allocations = fields.table_at("allocations_per_call").tables()
    # Absent in records from before arms could be of several systems.
    memory = fields.table_at("memory").tables() if "memory" in fields.table else {}
    return EncoderCost(
        arms=arms,
        timer_ns=fields.number("timer_ns"),
        tokens=fields.number("tokens"),
        gflop=gflop_of(fields, arms),
        f32_peak_gflops=peaks(fields, arms),
        memory={arm: {key: t.integer(key) for key in MEMORY} for arm, t in memory.items()},
        allocations={arm: t.integer("own") for arm, t in allocations.items()},
        library_allocations={arm: t.integer("libraries") for arm, t in allocations.items()},
    )


def peer_cost(fields: Fields, spec: Fields) -> PeerCost:
    tables = fields.table_at("arms").tables()
    arms = {arm: timing(t) for arm, t in tables.items()}
    agreement = fields.table_at("agreement").table
    return PeerCost(
        arms=arms,
        calls={arm: t.numbers("calls") for arm, t in tables.items()},
        skipped=fields.table_at("skipped").texts(),
        peak_memory_bytes=fields.table_at("peak_memory_bytes").integers(),
        tokens=fields.number("tokens"),
        gflop=gflop_of(fields, arms),
        f32_peak_gflops=peaks(fields, arms),
        outputs_apart=agreement.get("outputs", {}),
        accuracy=agreement.get("accuracy", {}),
        versions={arm: t.texts() for arm, t in fields.table_at("versions").tables().items()},
        tuning={arm: t.table for arm, t in fields.table_at("tuning").tables().items()},
    )


def memory_cost(fields: Fields, spec: Fields) -> MemoryEncoding | MemoryModel:
    if spec.text("measure") == "model":
        return MemoryModel(
            fields.integer("total_parameters"),
            fields.integer("position_parameters"),
            fields.integer("training_state_bytes"),
        )
    exact, measured = fields.table_at("exact"), fields.table_at("measured")
    return MemoryEncoding(
        exact={key: exact.integer(key) for key in exact.table},
        allocated_bytes=measured.integer("allocated_bytes"),
        peak_rss_bytes=measured.integer("peak_rss_bytes"),
        difference_bytes=fields.integer("difference_bytes"),
        explanation=fields.text("explanation"),
    )


def encoding_error(fields: Fields, spec: Fields) -> EncodingErrors:
    suffix = "_t2t" if spec.text("convention") == "tensor2tensor" else ""
    return EncodingErrors(
        arm=spec.text("producer") + suffix,
        ranges=[
            ErrorRange(
                r.integer("from"),
                r.integer("to"),
                r.integer("rows"),
                r.number("max_abs_error"),
                r.number("mean_abs_error"),
                r.integer("worst_t"),
                r.integer("worst_column"),
                r.number("declared"),
            )
            for r in fields.rows("ranges")
        ],
    )


READERS: Mapping[str, Callable[[Fields, Fields], Result]] = {
    "accuracy": accuracy,
    "baseline": baseline,
    "encoding_cost": encoding_cost,
    "encoder_cost": encoder_cost,
    "encoding_error": encoding_error,
    "memory_cost": memory_cost,
    "peer_cost": peer_cost,
    "probe": probe,
    "reading_cost": reading_cost,
}


def isa_of(fields: Fields) -> Isa:
    """The record's instruction sets; one that says nothing was made with the machine's own."""
    if "isa" not in fields.table:
        return Isa("native", "native", "native")
    isa = fields.table_at("isa")
    return Isa(isa.text("asked"), isa.text("used"), isa.text("onednn"))


def trial(fields: Fields, path: Path) -> Trial:
    """A trial from the fields of its record; raises ReportError where something is missing."""
    spec = fields.table_at("spec")
    harness = spec.text("harness")
    if harness not in READERS:
        fields.refuse(f"comes from harness '{harness}', which this report cannot read")
    if fields.text("schema") != f"posbench.{harness}/1":
        fields.refuse(f"has schema '{fields.text('schema')}', not 'posbench.{harness}/1'")
    provenance = fields.table_at("provenance")
    return Trial(
        id=fields.text("id"),
        harness=harness,
        spec=Named(spec.table, spec.place, spec.way_out),
        seed=spec.integer("seed"),
        fingerprint=fields.text("fingerprint"),
        isa=isa_of(fields),
        host=provenance.text("host"),
        ended=provenance.text("ended"),
        core_seconds=provenance.number("core_seconds"),
        peak_rss_bytes=provenance.integer("peak_rss_bytes"),
        steal_share=provenance.number("steal_share"),
        path=path,
        result=READERS[harness](fields.table_at("result"), spec),
    )
