"""Verdicts follow the truth that a made-up run was built from."""

import json
import math
import shutil

import pytest
from conftest import COST_ARMS, GAP, Truth, edit_run, verdicts, write

SCORES = ("parity",)
COST = {"studies": ("encoding_cost",), "hidden": (128,)}


def run_with(tmp_path, **truth):
    return write(tmp_path / "run", Truth(**truth))


def scores(learned, sinusoid, none=72.0):
    return {"learned": learned, "sinusoid": sinusoid, "none": none}


def test_equal_arms_with_ten_seeds_are_supported(full_verdicts):
    found = full_verdicts
    for part in ("C1.tagging_pos", "C1.classification_gloss", "C6.tagging_pos"):
        assert found[part].finding.verdict == "SUPPORTED"
    tagging = found["C1.tagging_pos"].finding
    assert tagging.n == 10 and tagging.level == 0.90 and tagging.margin == 1.0
    assert -1 < tagging.low < tagging.effect < tagging.high < 1


def test_learned_ahead_contradicts_equality_but_not_downstream(tmp_path):
    found = verdicts(run_with(tmp_path, studies=SCORES, score=scores(91.0, 88.0)))
    assert found["C1.tagging_pos"].finding.verdict == "CONTRADICTED"
    assert found["C1.tagging_pos"].p_holm < 0.05
    assert found["C6.tagging_pos"].finding.verdict == "SUPPORTED"
    assert found["C6.tagging_pos"].finding.reason == "better"


def test_learned_behind_contradicts_both(tmp_path):
    found = verdicts(run_with(tmp_path, studies=SCORES, score=scores(85.0, 88.0)))
    for part in ("C1.tagging_pos", "C6.tagging_pos", "C6.all"):
        assert found[part].finding.verdict == "CONTRADICTED"


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_fewer_than_five_seeds_decide_nothing(tmp_path, seeds):
    found = verdicts(run_with(tmp_path, studies=SCORES, seeds=seeds, score=scores(60.0, 90.0)))
    for part in ("C1.tagging_pos", "C1.classification_gloss", "C6.tagging_pos", "C6.all"):
        assert found[part].finding.verdict == "UNDECIDED"
    if seeds > 1:
        assert found["C1.tagging_pos"].finding.reason == "too_few_seeds_tost"
        assert found["C1.tagging_pos"].finding.values["reachable"] > 0


def test_without_a_locked_gap_there_is_no_margin(tmp_path):
    finding = verdicts(run_with(tmp_path, studies=SCORES, gap={}))["C1.tagging_pos"].finding
    assert (finding.verdict, finding.reason) == ("UNDECIDED", "gap_not_locked")
    assert math.isnan(finding.margin) and math.isfinite(finding.low)


def test_a_small_gap_makes_a_small_margin(tmp_path):
    gap = {**GAP, "tagging_pos": 2.0}
    finding = verdicts(run_with(tmp_path, studies=SCORES, gap=gap))["C1.tagging_pos"].finding
    assert finding.margin == pytest.approx(0.2)
    assert finding.verdict == "UNDECIDED"


@pytest.mark.parametrize("gap", [0.0, -0.5])
def test_where_positions_were_worth_nothing_the_cap_is_the_margin(tmp_path, gap):
    run = run_with(tmp_path, studies=SCORES, gap={**GAP, "tagging_pos": gap})
    assert verdicts(run)["C1.tagging_pos"].finding.margin == 1.0


def test_where_positions_do_not_matter(tmp_path):
    found = verdicts(run_with(tmp_path, studies=SCORES, score=scores(88.0, 88.0, none=87.9)))
    assert found["C1.tagging_pos"].finding.verdict == "NOT TESTABLE"
    assert found["C6.tagging_pos"].finding.verdict == "SUPPORTED"
    assert "position_does_not_matter" in found["C6.tagging_pos"].marks
    assert "position_does_not_matter" in found["C6.all"].marks


def test_without_a_negative_control_nothing_is_known_about_positions(tmp_path):
    found = verdicts(run_with(tmp_path, studies=SCORES, score={"learned": 88.0, "sinusoid": 88.0}))
    finding = found["C1.tagging_pos"].finding
    assert (finding.verdict, finding.reason) == ("UNDECIDED", "gate_unknown")
    assert "gate_unknown" in found["C6.tagging_pos"].marks


def test_tuning_seeds_never_enter_a_verdict(tmp_path):
    run = run_with(tmp_path, studies=("parity", "tuning"), seeds=5)
    tuned = [
        s["trials"] for s in __import__("json").loads((run / "run.json").read_text())["studies"]
    ]
    edit_run(run, lambda r: r["studies"][0].update(trials=tuned[0] + tuned[1]))
    assert verdicts(run)["C1.tagging_pos"].finding.n == 5


def test_computing_is_slower_and_a_cached_table_is_equal(full_verdicts):
    found = full_verdicts
    assert found["C2.per_call"].finding.verdict == "SUPPORTED"
    assert found["C2.per_call"].finding.effect == pytest.approx(COST_ARMS["libm"], rel=0.02)
    assert found["C2.best_computed"].finding.effect == pytest.approx(1.3, rel=0.02)
    cached = found["C2.cached_table"].finding
    assert (cached.verdict, cached.reason) == ("CONTRADICTED", "ratio_equal")
    assert cached.level == 0.95 and cached.unit == "ratio" and cached.margin == 0.05


def test_computing_that_is_cheaper_contradicts(tmp_path):
    cost = {**COST_ARMS, "libm": 0.8, "best_computed": 0.5, "sinusoid_table": 1.4}
    found = verdicts(run_with(tmp_path, cost=cost, **COST))
    assert found["C2.per_call"].finding.verdict == "CONTRADICTED"
    assert found["C2.best_computed"].finding.verdict == "CONTRADICTED"
    assert found["C2.cached_table"].finding.verdict == "SUPPORTED"


def test_a_ratio_at_its_bound_is_undecided(tmp_path):
    found = verdicts(run_with(tmp_path, cost={**COST_ARMS, "libm": 1.1}, **COST))
    assert found["C2.per_call"].finding.reason == "ratio_straddles"


def test_too_few_processes_decide_nothing(tmp_path):
    found = verdicts(run_with(tmp_path, processes=2, **COST))
    assert found["C2.per_call"].finding.verdict == "UNDECIDED"


def test_hot_caches_do_not_decide(tmp_path):
    run = run_with(tmp_path, **COST)
    effect = verdicts(run)["C2.per_call"].finding.effect
    for path in (run / "trials").iterdir():
        if '"state": "hot"' in path.read_text():
            path.unlink()
    assert verdicts(run)["C2.per_call"].finding.effect == effect


def test_shares_of_a_pass(full_verdicts):
    found = full_verdicts
    forward = found["C2.share_forward"].finding
    assert forward.effect == pytest.approx(100 * 2.8e5 / 5.02e6, rel=0.05)
    assert forward.verdict == "SUPPORTED" and forward.unit == "percent"


def test_parameter_shares_are_exact(full_verdicts):
    found = full_verdicts
    base = found["C5.share_bert_base"].finding
    assert base.effect == base.low == base.high == 100 * 393216 / 109482240
    assert base.n == 0 and base.verdict == "SUPPORTED"
    assert found["C5.share_bert_tiny"].finding.verdict == "CONTRADICTED"


def test_a_wrong_count_cannot_decide(small_run, tmp_path):
    run = shutil.copytree(small_run, tmp_path / "run")
    for path in (run / "trials").iterdir():
        record = json.loads(path.read_text())
        if record["spec"].get("arm") == "bert_base":
            record["result"]["total_parameters"] += 768
            path.write_text(json.dumps(record))
    finding = verdicts(run)["C5.share_bert_base"].finding
    assert (finding.verdict, finding.reason) == ("UNDECIDED", "count_differs")


def test_a_study_that_was_not_run_is_undecided(tmp_path):
    found = verdicts(run_with(tmp_path, studies=("memory",)))
    assert found["C1.tagging_pos"].finding.reason == "no_records"
    assert found["C2.per_call"].finding.reason == "no_records"
    assert found["C6.all"].finding.verdict == "UNDECIDED"
