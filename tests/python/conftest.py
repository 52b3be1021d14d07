"""A made-up run directory, deterministic, so that the report can be tested without measuring.

`write(folder, Truth(…))` writes run.json and trials/*.json as posbench does. The truth behind
the numbers (how much better an arm really is) is an argument, so tests know the right verdict.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import made_up_cost
import made_up_engine
import numpy as np
import pytest

from report import claims, load
from report.__main__ import main
from report.claims import Verdict
from report.cost import STATES

GAP = {"tagging_pos": 12.0, "classification_gloss": 11.0}  # points: margins of 1 point
COST_ARMS = {  # true time relative to learned_slice, in every state
    "copy": 0.8,
    "learned_gather": 1.05,
    "learned_slice": 1.0,
    "learned_again": 1.0,
    "sinusoid_table": 1.0,
    "libm_pow": 40.0,
    "libm": 14.0,
    "vector_library": 2.4,
    "simd": 1.6,
    "recurrence": 1.3,
    "best_lookup": 1.0,
    "best_computed": 1.3,
    "none": 0.7,
}
POSITION_NS = {"learned": 2e4, "learned_again": 2e4, "sinusoid_table": 2e4, "sinusoid_libm": 3e5}
POSITION_NS |= {"sinusoid_simd": 3e4, "sinusoid_recurrence": 2.6e4, "none": 30.0}
MODELS = {  # position parameters, all parameters
    "bert_base": (393216, 109482240),
    "bert_large": (524288, 335141888),
    "gpt2_small": (786432, 124439808),
    "bert_small": (262144, 28763648),
    "bert_mini": (131072, 11170560),
    "bert_tiny": (65536, 4385920),
}


HARNESS = {
    "tasks": "accuracy",
    "order_diagnostics": "accuracy",
    "baselines": "baseline",
    "reading": "reading_cost",
    "encodings": "encoder_cost",
    "systems": "encoder_cost",
    "growth": "encoder_cost",
    **dict.fromkeys(
        "parity length domain convergence pretraining sizes long_text".split(), "accuracy"
    ),
    "precision": "accuracy",
    "tuning": "accuracy",
    "encoding_cost": "encoding_cost",
    "encoder_cost": "encoder_cost",
    "memory": "memory_cost",
    "kernel_goals": "encoding_cost",
    "engine_goals": "encoder_cost",
    "peers": "peer_cost",
    "encoding_peers": "peer_cost",
    "encoding_memory": "memory_cost",
    "encoding_error": "encoding_error",
    **{study: "encoding_cost" for study in made_up_cost.ARMS},
}


def sha(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Truth:
    """What the made-up world is like. Accuracies in points."""

    seeds: int = 10
    tasks: tuple[str, ...] = ("tagging", "classification")
    score: dict[str, float] = field(
        default_factory=lambda: {"learned": 88.0, "sinusoid": 88.0, "none": 72.0}
    )
    seed_sd: float = 0.3  # of the paired difference
    processes: int = 5
    blocks: int = 15
    hidden: tuple[int, ...] = (128, 768)
    lengths: tuple[int, ...] = (128, 512)
    cost: dict[str, float] = field(default_factory=lambda: dict(COST_ARMS))
    studies: tuple[str, ...] = ("parity", "tuning", "encoding_cost", "encoder_cost", "memory")
    gap: dict[str, float] = field(default_factory=lambda: dict(GAP))
    host: str = "0123456789ab"
    commit: str = "a" * 40
    cpu: str = "Imaginary 9000"


class Writer:
    """Collects records and writes them as one run."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.records: list[dict[str, Any]] = []
        self.studies: dict[str, list[str]] = {}

    def add(self, study: str, spec: dict[str, Any], result: dict[str, Any]) -> None:
        datasets = {str(spec["dataset"]): sha(spec["dataset"])} if "dataset" in spec else {}
        behaviour = sha({k: v for k, v in spec.items() if k != "seed"})
        key = {"spec": spec, "datasets": datasets, "fingerprint": behaviour}
        record = {
            "schema": f"posbench.{spec['harness']}/1",
            "id": sha(key),
            **key,
            "parent": None,
            "isa": made_up_cost.used(spec.get("isa", "native")),
            "result": result,
            "provenance": {
                "host": self.truth.host,
                "started": "2026-11-22T21:00:00Z",
                "ended": "2026-11-22T21:00:21Z",
                "core_seconds": 21.3,
                "peak_rss_bytes": 180_000_000,
                "steal_share": 0.0,
                "load_1min": 0.9,
            },
        }
        self.records.append(record)
        self.studies.setdefault(study, []).append(record["id"])

    def write(self, folder: Path) -> Path:
        (folder / "trials").mkdir(parents=True)
        for record in self.records:
            (folder / "trials" / f"{record['id']}.json").write_text(json.dumps(record))
        rules = {claim.id: copy.deepcopy(claim.rule) for claim in claims.read_claims()}
        for claim in ("C1", "C6"):
            for part in rules[claim]["parts"].values():
                part.pop("gap", None)
            for part, gap in self.truth.gap.items():
                rules[claim]["parts"][part]["gap"] = gap
        run = {
            "schema": "posbench.run/1",
            "profile": "quick",
            "started": "2026-11-22T21:00:00Z",
            "ended": "2026-11-22T21:10:00Z",
            "command": "posbench run --profile quick --out results/made-up",
            "hosts": [host(self.truth)],
            "datasets": {
                "brown_pos": {"digest": sha("b"), "citation": "Francis & Kučera", "licence": "?"},
                "wordnet_gloss": {"digest": sha("w"), "citation": "Princeton", "licence": "?"},
            },
            "missing_data": [],
            "failed": [],
            "unavailable": [],
            "studies": [
                {
                    "id": study,
                    "digest": sha(study),
                    "harness": HARNESS[study],
                    "trials": ids,
                    "core_seconds": 21.3 * len(ids),
                    "about": "",
                }
                for study, ids in self.studies.items()
            ],
            "rules": rules,
        }
        (folder / "run.json").write_text(json.dumps(run))
        return folder


def host(truth: Truth) -> dict[str, Any]:
    return {
        "id": truth.host,
        "cpu_model": truth.cpu,
        "isa_available": "avx512",
        "cores": 2,
        "numa_nodes": 1,
        "l1d_bytes": 32768,
        "l2_bytes": 1048576,
        "l3_bytes": 33554432,
        "memory_bytes": 8 << 30,
        "os": "Debian GNU/Linux 12 (bookworm)",
        "kernel": "6.1.0",
        "governor": "unknown",
        "thp": "madvise",
        "compiler": "GNU 12.2.0",
        "flags": "-O3 -DNDEBUG",
        "commit": truth.commit,
        "dirty": False,
        "libraries": {"onednn": "2.6.3", "highway": "1.0.3"},
        "threads": 1,
    }


def accuracy_result(truth: Truth, task: str, arm: str, seed: int, score: float) -> dict[str, Any]:
    """One training: bits drawn around `score` with a part that all arms of a seed share."""
    shared = np.random.default_rng([seed, len(task)])
    documents = sorted(shared.choice(500, 50, replace=False).tolist())
    units = [int(u) for u in shared.integers(60, 140, 50)] if task == "tagging" else [40] * 50
    total = sum(units)
    luck = shared.normal(0, 0.3)  # a hard or an easy split, the same for every arm
    hard = shared.random(total)
    own = np.random.default_rng([seed, len(task), len(arm), 7])
    chance = (score + luck + own.normal(0, truth.seed_sd / 2**0.5)) / 100
    # Arms agree on most units: 97 % of the draws are shared by the arms of a seed.
    draw = np.where(own.random(total) < 0.03, own.random(total), hard)
    bits = draw < chance
    accuracy = float(bits.mean())
    steps = [50, 100, 200, 400, 800]
    return {
        "parameters": 1_234_567,
        "position_parameters": 16384 if arm == "learned" else 0,
        "stopped": None,
        "curve": [
            {
                "step": s,
                "tokens": s * 2048,
                "train_loss": 0.4 + 3 / s**0.5,
                "dev_loss": 0.45 + 3 / s**0.5,
                "dev_accuracy": accuracy * (1 - 2 / (s + 3)),
            }
            for s in steps
        ],
        "dev": {"loss": 0.5, "accuracy": accuracy, "examples": total},
        "test": {"loss": 0.5, "accuracy": accuracy, "examples": total},
        "loss_by_position": [
            {"position": p, "loss": 0.4 + 0.3 / (1 + p) + 0.001 * len(arm), "n": 500 - 5 * p}
            for p in range(0, 64)
        ],
        "test_units": {
            "documents": [f"{d:04d}" for d in documents],
            "units_per_document": units,
            "correct": base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode(),
        },
        "split": seed % 10,
        "vocabulary_digest": sha("vocabulary"),
        "weights": None,
    }


def accuracy_spec(task: str, arm: str, seed: int, rms: float) -> dict[str, Any]:
    return {
        "harness": "accuracy",
        "arm": arm,
        "task": task,
        "dataset": {"tagging": "brown_pos", "classification": "wordnet_gloss"}[task],
        "encoding": arm,
        "convention": "interleaved",
        "producer": "table",
        "position_rms": rms,
        "token_rms": 0.02,
        "learning_rate": 0.001,
        "hidden": 128,
        "layers": 2,
        "heads": 4,
        "feed_forward": 512,
        "max_length": 128,
        "vocabulary": 8000,
        "steps": 800,
        "batch_tokens": 2048,
        "warmup": 80,
        "seed": seed,
        "init": "",
    }


def timings(rng: np.random.Generator, truth: Truth, ns: float, sd: float) -> dict[str, Any]:
    """Blocks of one arm in one process; an arm that takes long runs in every fifth block only."""
    every = 5 if ns > 2e6 else 1
    block = np.arange(0, truth.blocks, every)
    noise = np.exp(rng.normal(0, sd, len(block)))
    return {"block": block.tolist(), "ns": [round(float(v), 1) for v in ns * noise]}


def add_accuracy(writer: Writer, truth: Truth) -> None:
    for task in truth.tasks:
        for seed in range(100, 100 + truth.seeds):
            for arm, score in truth.score.items():
                result = accuracy_result(truth, task, arm, seed, score)
                writer.add("parity", accuracy_spec(task, arm, seed, 0.1), result)


def add_tuning(writer: Writer, truth: Truth) -> None:
    for seed in range(2):
        for arm, score in truth.score.items():
            for rms, loss in ((0.02, 5.0), (0.1, 0.0), (0.71, 1.5)):
                result = accuracy_result(truth, "tagging", arm, seed, score - loss)
                writer.add("tuning", accuracy_spec("tagging", arm, seed, rms), result)


def add_encoding_cost(writer: Writer, truth: Truth) -> None:
    for hidden in truth.hidden:
        for length in truth.lengths:
            for batch in (1, 32):
                for state in STATES:
                    for process in range(truth.processes):
                        add_process(writer, truth, hidden, length, batch, state, process)


def add_process(
    writer: Writer, truth: Truth, hidden: int, length: int, batch: int, state: str, process: int
) -> None:
    rng = np.random.default_rng([hidden, length, batch, STATES.index(state), process])
    base = hidden * length * batch * {"hot": 0.05, "in_model": 0.08, "dram_cold": 0.3}[state]
    arms = {}
    for arm, relative in truth.cost.items():
        process_effect = np.exp(rng.normal(0, 0.004))  # buffer offsets differ by process
        arms[arm] = timings(rng, truth, base * relative * process_effect, 0.01)
    cell = made_up_cost.Cell(hidden, length, batch, state)
    spec = made_up_cost.spec_of(cell, list(truth.cost), truth.blocks, process)
    writer.add("encoding_cost", spec, made_up_cost.result_of(cell, arms))


def add_cost_study(writer: Writer, truth: Truth, study: str) -> None:
    """A study of one question about encoding_cost, on the made-up machine."""
    arms = made_up_cost.ARMS[study]
    for i, cell in enumerate(made_up_cost.cells_of(study)):
        for process in range(truth.processes):
            rng = np.random.default_rng([len(study), i, process])
            timings = made_up_cost.measured(rng, cell, arms, truth.blocks)
            spec = made_up_cost.spec_of(cell, arms, truth.blocks, process)
            writer.add(study, spec, made_up_cost.result_of(cell, timings))


def add_encoder_cost(writer: Writer, truth: Truth) -> None:
    for kind, whole in (("forward", 5e6), ("train", 1.6e7)):
        for process in range(truth.processes):
            rng = np.random.default_rng([len(kind), process])
            arms = {}
            for arm, position in POSITION_NS.items():
                inside = timings(rng, truth, position, 0.01)
                blocks = {"block": list(range(truth.blocks))}
                noise = np.exp(rng.normal(0, 0.003, truth.blocks))
                ns = [round(float(v), 1) for v in (whole + position) * noise]
                parts = made_up_engine.parts_of(ns, inside["ns"][0])
                arms[arm] = blocks | {"ns": ns, "parts": parts}
            spec = made_up_engine.encoder_spec(kind, process)
            spec |= {"arms": list(arms), "blocks": truth.blocks}
            writer.add("encoder_cost", spec, made_up_engine.encoder_result(spec, arms))


def add_memory(writer: Writer) -> None:
    for arm in ("learned", "sinusoid_table", "none"):
        for hidden in (128, 768):
            for length in (128, 512):
                numbers = hidden * length if arm == "learned" else 0
                table = 4 * hidden * length if arm == "sinusoid_table" else 0
                exact = {
                    "parameters": numbers,
                    "parameter_bytes": 4 * numbers,
                    "gradient_bytes": 4 * numbers,
                    "optimizer_bytes": 8 * numbers,
                    "table_bytes": table,
                    "scratch_bytes": 0,
                    "activation_bytes": 0,
                    "total_bytes": 16 * numbers + table,
                }
                spec = {"harness": "memory_cost", "arm": arm, "measure": "encoding", "seed": 0}
                spec |= {"encoding": arm, "producer": "table", "convention": "interleaved"}
                spec |= {"hidden": hidden, "length": length}
                measured = {"allocated_bytes": exact["total_bytes"] + 64, "peak_rss_bytes": 9 << 20}
                result = {"exact": exact, "measured": measured, "difference_bytes": 64}
                writer.add(
                    "encoding_memory", spec, result | {"explanation": "64 bytes of alignment"}
                )
    for model, (position, total) in MODELS.items():
        spec = {
            "harness": "memory_cost",
            "arm": model,
            "measure": "model",
            "hidden": 768,
            "seed": 0,
        }
        result = {"total_parameters": total, "position_parameters": position}
        result |= {"share": position / total, "training_state_bytes": 16 * total}
        writer.add("memory", spec, result)


def write(folder: Path, truth: Truth | None = None) -> Path:
    """A run directory for a made-up truth; returns the folder."""
    truth = truth or Truth()
    writer = Writer(truth)
    if "parity" in truth.studies:
        add_accuracy(writer, truth)
    if "tuning" in truth.studies:
        add_tuning(writer, truth)
    if "encoding_cost" in truth.studies:
        add_encoding_cost(writer, truth)
    for study in (s for s in made_up_cost.ARMS if s in truth.studies):
        add_cost_study(writer, truth, study)
    if "encoder_cost" in truth.studies:
        add_encoder_cost(writer, truth)
    if "memory" in truth.studies:
        add_memory(writer)
    return writer.write(folder)


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every study and ten seeds, in which learned and sinusoid are truly equal."""
    return write(tmp_path_factory.mktemp("runs") / "full")


SMALL = {"seeds": 2, "processes": 2, "blocks": 5, "hidden": (128,), "lengths": (128,)}


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every study, but too few seeds and processes for any verdict on them."""
    return write(tmp_path_factory.mktemp("runs") / "small", Truth(**SMALL))


@pytest.fixture(scope="session")
def small_report(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run, as the command line writes it."""
    out = tmp_path_factory.mktemp("reports") / "small"
    assert main([str(small_run), "--out", str(out)]) == 0
    return out


def verdicts(*runs: Path) -> dict[str, Verdict]:
    """The verdicts of runs by id, without rendering anything."""
    return {v.id: v for v in claims.decide(claims.read_claims(), load.load(runs))}


@pytest.fixture(scope="session")
def full_verdicts(full_run: Path) -> dict[str, Verdict]:
    return verdicts(full_run)


def edit_run(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrites run.json after `change` has altered it in place."""
    path = folder / "run.json"
    run = json.loads(path.read_text())
    change(run)
    path.write_text(json.dumps(run))
