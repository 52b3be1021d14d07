"""Claims 3, 4, 7 and 9 on language models whose truth is known."""

import json
import math
from typing import Any

import pytest
from conftest import Truth, Writer, edit_run, verdicts
from made_up_language import DOCUMENTS, result, spec

from report import claims, render
from report.load import load
from report.pairs import pairing
from report.tables import Context
from report.tables.convergence import convergence
from report.tables.domain import domain_scores
from report.tables.length import late_rows, length_scores
from report.tables.sizes import effect_by_size, matched_and_raw
from report.text import Locale

SEEDS = range(100, 110)
NOISE = (0.004, -0.003, 0.001, -0.002, 0.003, -0.004, 0.002, 0.0, -0.001, 0.002)


class Run:
    """Collects trainings of ten seeds with a little noise of their own."""

    def __init__(self) -> None:
        self.writer = Writer(Truth())

    def add(self, study: str, arm: str, loss: float, more: dict[str, Any] = {}, **of: Any) -> None:
        shift = sum(map(ord, arm))
        for i, seed in enumerate(SEEDS):
            noisy = loss + NOISE[(i + shift) % len(NOISE)]
            self.writer.add(study, spec(arm, seed, **more), result(noisy, seed, **of))

    def write(self, folder: Any) -> Any:
        return self.writer.write(folder / "run")


def context_of(run: Any) -> Context:
    return Context(load([run]), claims.read_claims(), [])


def length_run(folder: Any, clamp: float) -> Any:
    run = Run()
    sides = ("test 1.25x", "test 1.5x", "test 2x")
    for arm, loss, beyond in (("learned", 4.8, 1.0), ("sinusoid", 4.8, 0.05), ("none", 5.9, 0.0)):
        run.add("length", arm, loss, sides=dict.fromkeys(sides, beyond))
    filled = {"steps": 0, "fill": "clamp", "init": "a parent"}
    run.add("length", "learned_clamp", 4.8, filled, sides=dict.fromkeys(sides, clamp))
    for arm, late in (("learned_short", 5.4), ("sinusoid_short", 5.0)):
        positions = {p: 5.0 if p < 32 else late for p in range(128)}
        short = {"trained_length": 0, "short_length": 32}
        run.add("length", arm, 5.0, short, by_position=positions)
    for arm, late in (("learned_long", 5.1), ("sinusoid_long", 5.0)):
        positions = {p: 5.0 if p < 32 else late for p in range(128)}
        run.add("length", arm, 5.0, {"trained_length": 0}, by_position=positions)
    return run.write(folder)


def test_a_table_within_and_beyond_its_length(tmp_path):
    run = length_run(tmp_path, clamp=0.04)
    edit_run(run, lambda r: r["rules"]["C3"]["parts"]["within"].update(gap=1.1))
    found = {name: v.finding for name, v in verdicts(run).items() if name.startswith("C3")}
    assert found["C3.within"].verdict == "SUPPORTED" and found["C3.within"].unit == "nats"
    assert found["C3.beyond_random"].verdict == "CONTRADICTED"
    assert found["C3.beyond_random"].effect == pytest.approx(-0.95, abs=0.01)
    assert found["C3.beyond_clamp"].verdict == "SUPPORTED"
    assert found["C3.beyond_tile"].reason == "no_records"
    assert found["C3.late_rows"].verdict == "CONTRADICTED"
    assert found["C3.late_rows"].effect == pytest.approx(-0.3, abs=0.01)  # 0.1 without schedule too
    assert found["C3.learned_beyond"].verdict == "CONTRADICTED"
    assert found["C3.learned_beyond"].effect == pytest.approx(-1.0, abs=0.01)
    assert found["C3.sinusoid_beyond"].verdict == "SUPPORTED"


def test_documents_count_on_longer_rows_too(tmp_path):
    """All seeds of this arm have the same loss, so that only documents are left to vary."""
    run = length_run(tmp_path, clamp=0.0)
    where = {"task": "masked_lm", "dataset": "brown_text", "trained_length": 64}
    terms = {"learned@test 1.5x": 1.0, "learned@test": -1.0}
    difference = pairing(load([run]), "length", 100, where, ("learned",)).advantage(terms)
    assert difference.effect == pytest.approx(-1.0) and difference.se == pytest.approx(0, abs=1e-9)
    alone = pairing(load([run]), "length", 100, where, ("learned",)).advantage(
        {"learned@test 2x": 1}
    )
    # Documents have a deviation of 0.2, drawn anew for each seed.
    assert alone.se == pytest.approx(0.2 / math.sqrt(DOCUMENTS * len(SEEDS)), rel=0.2)

    for file in (run / "trials").glob("*.json"):
        record = json.loads(file.read_text())
        for side in record["result"]["longer"]:
            del side["headline"]
        file.write_text(json.dumps(record))
    old = pairing(load([run]), "length", 100, where, ("learned",)).advantage({"learned@test 2x": 1})
    assert old.effect == pytest.approx(alone.effect) and old.se < alone.se / 5


def test_tables_of_longer_rows(tmp_path):
    context = context_of(length_run(tmp_path, clamp=0.04))
    increase = {(r[2], r[4]): r[5] for r in length_scores(context)}
    assert increase["learned", "test 1.5x"] == pytest.approx(1.0)
    assert increase["learned_clamp", "test 2x"] == pytest.approx(0.04)
    rows = late_rows(context)
    bands = {(r[0], r[1]): r[7] for r in rows}
    assert {(r[0], r[1]): r[3] for r in rows}["short", 64] == 120  # a tenth of the steps
    assert bands["short", 0] == pytest.approx(0.0, abs=0.01)
    assert bands["short", 64] == pytest.approx(-0.4, abs=0.01)


def domain_run(folder: Any, gain: float) -> Any:
    run = Run()
    target = {"dataset": "brown_imaginative", "init": "a parent"}
    run.add("domain", "learned_before", 5.5, {**target, "steps": 0})
    run.add("domain", "sinusoid_before", 5.5, {**target, "steps": 0})
    run.add("domain", "learned_adapted", 5.0 - gain, {**target, "steps": 300})
    run.add("domain", "sinusoid_adapted", 5.0, {**target, "steps": 300})
    frozen = {**target, "steps": 300, "freeze_positions": True}
    run.add("domain", "learned_adapted_frozen", 5.0 - gain, frozen)
    return run.write(folder)


@pytest.mark.parametrize("gain, verdict", [(0.1, "SUPPORTED"), (0.0, "CONTRADICTED")])
def test_adapting_is_a_difference_of_differences(tmp_path, gain, verdict):
    run = domain_run(tmp_path, gain)
    found = verdicts(run)["C4.text"].finding
    assert found.verdict == verdict and found.effect == pytest.approx(gain, abs=0.005)
    assert verdicts(run)["C4.table"].finding.verdict == "CONTRADICTED"
    moved = {row[2]: row[8] for row in domain_scores(context_of(run))}
    assert moved["learned_adapted"] == 0.5


def test_arrivals_and_scales(tmp_path):
    run = Run()
    run.add("parity", "learned", 4.8, arrival=500)
    run.add("parity", "sinusoid", 4.8, arrival=700)
    run.add("parity", "none", 6.0)
    for name in ("learned_raw", "sinusoid_raw"):
        run.add("convergence", name, 5.0, arrival=600 if name == "learned_raw" else None)
    folder = run.write(tmp_path)
    edit_run(folder, lambda r: r["rules"]["C7"].update(target=5.5, other_losses=[4.0, 5.9]))
    context = context_of(folder)
    rows = {(r[0], r[1], r[6]): r[7:] for r in convergence(context)}
    steps, arrived = rows["own", "learned", "5.5 nats"]
    assert arrived == 10 and 400 < steps < rows["own", "sinusoid", "5.5 nats"][0] < 700
    assert rows["own", "learned", "5.9 nats"][0] < steps
    for never in (("own", "learned", "4 nats"), ("raw", "sinusoid_raw", "5.5 nats")):
        assert rows[never][1] == 0 and math.isnan(rows[never][0])
    scales = {r[0]: r for r in matched_and_raw(context)}
    assert set(scales) == {"own_best", "raw"}
    assert [r[:5] for r in effect_by_size(context)] == [["masked_lm", "brown_text", 128, 2, 64]]


def test_who_never_arrives_is_a_bound_and_lends_no_p(tmp_path):
    run = Run()
    run.add("parity", "learned", 5.0, arrival=None)
    run.add("parity", "sinusoid", 4.8, arrival=700)
    run.add("parity", "none", 6.0)
    folder = run.write(tmp_path)
    edit_run(folder, lambda r: r["rules"]["C7"].update(target=5.5))
    own = verdicts(folder)["C7.own"]
    assert own.finding.p == 1, "it would help other parts past Holm's correction"
    shown = render.line(own, Locale("en"))
    assert shown.effect.startswith("≥") and shown.interval.endswith("…"), "its upper end is open"
