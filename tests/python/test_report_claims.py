"""The claim files: complete, locked, and each of them one file."""

import json
import math
import shutil
import tomllib
from pathlib import Path
from string import Formatter

import pytest
from conftest import edit_run, verdicts
from fontTools.ttLib import TTFont

from report import claims, rules
from report.claims import settle
from report.errors import ReportError
from report.load import load
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding
from report.tables.memory import length_at

ALL = {claim.id: claim for claim in claims.read_claims()}


def test_nine_claims_in_order():
    assert list(ALL) == [f"C{i}" for i in range(1, 10)]


@pytest.mark.parametrize("claim", ALL.values(), ids=list(ALL))
def test_every_claim_states_effect_and_margin(claim):
    for part in claims.parts_of(claim.id, claim.rule).values():
        if "of" not in part:
            assert part["effect"]
            assert "margin" in part or {"margin_cap", "margin_share_of_gap"} <= part.keys()


@pytest.mark.parametrize("claim", ALL.values(), ids=list(ALL))
def test_every_claim_can_be_decided(claim):
    parts = claims.parts_of(claim.id, claim.rule)
    assert set(claim.labels) == set(parts)
    for part in parts.values():
        assert callable(rules.module(part["kind"]).decide)


@pytest.mark.parametrize("claim", ALL.values(), ids=list(ALL))
def test_the_headline_names_parts_of_its_claim(claim):
    named = {name for _, name, _, _ in Formatter().parse(claim.headline) if name is not None}
    assert named and named <= claims.parts_of(claim.id, claim.rule).keys()


def test_margins_of_the_design():
    for name in ("C1", "C6"):
        rule = ALL[name].rule
        assert (rule["margin_cap"], rule["margin_share_of_gap"]) == (1.0, 0.10)
        assert (rule["alpha"], rule["level"], rule["min_seeds"]) == (0.05, 0.90, 5)
        assert (rule["gate_sd"], rule["gate_level"], rule["first_seed"]) == (5, 0.95, 100)
    assert ALL["C8"].rule["margin_cap"] == 0.02
    parts = ALL["C2"].rule["parts"]
    assert parts["per_call"]["margin"] == 0.10 and parts["cached_table"]["margin"] == 0.05
    assert {p["state"] for p in parts.values() if p["kind"] == "ratio"} == {"in_model"}


def test_c1_and_c6_rest_on_the_same_gaps():
    parts = ALL["C1"].rule["parts"]
    for name, part in ALL["C6"].rule["parts"].items():
        if name != "all":
            assert part == parts[name]


def test_the_font_holds_every_quoted_character():
    font = TTFont(Path(claims.__file__).parent / "fonts" / "quotes.woff2")
    quoted = {ord(c) for claim in ALL.values() for c in claim.quote if ord(c) > 0x2E80}
    assert quoted <= set(font.getBestCmap())


def test_digest_does_not_depend_on_the_order_of_keys():
    assert claims.digest({"a": 1, "b": [2]}) == claims.digest({"b": [2], "a": 1})
    assert claims.digest({"a": 1}) != claims.digest({"a": 2})


def test_the_locked_rule_decides_and_not_the_file(small_run, tmp_path):
    run = shutil.copytree(small_run, tmp_path / "run")
    edit_run(run, lambda r: r["rules"]["C5"].update(margin=0.3))
    verdict = verdicts(run)["C5.share_bert_base"]
    assert verdict.finding.verdict == "CONTRADICTED" and verdict.finding.margin == 0.3
    locked = json.loads((run / "run.json").read_text())["rules"]["C5"]
    assert verdict.rule_digest == claims.digest(locked)
    assert claims.rule_mark(ALL["C5"], load([run])) == "rule_changed"
    assert claims.rule_mark(ALL["C3"], load([run])) == ""


def test_a_rule_that_was_not_locked_decides_nothing(small_run, tmp_path):
    run = shutil.copytree(small_run, tmp_path / "run")
    edit_run(run, lambda r: r["rules"].pop("C5"))
    assert verdicts(run)["C5.share_bert_base"].finding.reason == "rule_not_locked"


def test_a_new_claim_is_one_file(small_run, tmp_path):
    """A tenth claim needs its TOML file alone."""
    table = tomllib.loads((claims.FOLDER / "C5.toml").read_text())
    rule = {**table["rule"], "margin": 0.5, "parts": {"base": {"model": "bert_base"}}}
    text = ['title = "T"', 'section = "9"', 'quote = "q"', 'sentence = "s"', 'measured = "m"']
    text += [
        'headline = "{base}"',
        "caveats = []",
        'command = ""',
        "charts = []",
        "tables = []",
        "[rule]",
    ]
    text += [f"{k} = {json.dumps(v)}" for k, v in rule.items() if k != "parts"]
    text += ["[rule.parts.base]", 'model = "bert_base"']
    (tmp_path / "C10.toml").write_text("\n".join(text))
    (claim,) = claims.read_claims(tmp_path)
    evidence = load([small_run])
    evidence.rules["C10"] = claim.rule
    (verdict,) = claims.decide([claim], evidence)
    assert verdict.id == "C10.base" and verdict.finding.verdict == "SUPPORTED"


def test_an_unfinished_claim_file_is_named(tmp_path):
    (tmp_path / "C1.toml").write_text('title = "T"\n')
    with pytest.raises(ReportError, match="C1.toml lacks 'section'"):
        claims.read_claims(tmp_path)


def test_a_rule_of_another_version_decides_nothing(small_run, tmp_path):
    run = shutil.copytree(small_run, tmp_path / "run")
    edit_run(run, lambda r: r["rules"]["C5"].update(kind="magic"))
    finding = verdicts(run)["C5.share_bert_base"].finding
    assert (finding.verdict, finding.reason) == (UNDECIDED, "unknown_kind")


def test_a_difference_must_outlive_holm():
    part = {"alpha": 0.05}
    worse = Finding(CONTRADICTED, "worse", p=0.04)
    assert settle(worse, 0.04, part).verdict == CONTRADICTED
    assert settle(worse, 0.08, part).verdict == UNDECIDED
    assert settle(Finding(CONTRADICTED, "over"), math.nan, {}).verdict == CONTRADICTED
    assert settle(Finding(SUPPORTED, "equal", p=0.9), 1.0, part).verdict == SUPPORTED


def test_parts_of_which_one_is_enough_are_corrected_among_themselves():
    test = {"kind": "steps"}
    parts = {"a": test, "b": test, "apart": test, "some": {"kind": "any_of", "of": ["a", "b"]}}
    findings = {name: Finding(SUPPORTED, "faster", p=0.02) for name in ("a", "b", "apart")}
    assert claims.adjust(findings, parts) == pytest.approx({"a": 0.04, "b": 0.04, "apart": 0.02})


def test_verdicts_of_a_study_that_is_not_finished_say_so(small_run, tmp_path):
    run = shutil.copytree(small_run, tmp_path / "run")
    assert "interim" not in verdicts(run)["C1.tagging_pos"].marks
    edit_run(
        run, lambda r: [s["trials"].append("f" * 64) for s in r["studies"] if s["id"] == "parity"]
    )
    found = verdicts(run)
    assert "interim" in found["C1.tagging_pos"].marks and "interim" in found["C1.all"].marks
    assert "interim" not in found["C2.per_call"].marks


def test_a_table_passes_one_and_five_percent_at_exact_lengths():
    """BERT-base with everything but its positions as it is."""
    rest = 109_482_240 - 512 * 768
    assert [length_at(percent, 768, rest) for percent in (1, 5)] == [1435, 7476]
    assert 1435 * 768 * 100 > 1435 * 768 + rest > 1434 * 768 * 100
