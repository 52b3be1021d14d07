"""Trials that start from the weights of others."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from tiny_home import BASE, PROFILE, Home, home, needs_build, records, run_json

__all__ = ["home"]
pytestmark = needs_build

# Children stand before their parents in the file: the order of running is not the order of arms.
FAMILY = """
[[arm]]
arm = "child"
encoding = "learned"
parent = "mother"
[[arm]]
arm = "mother"
encoding = "learned"
steps = 60
keep_weights = true
[[arm]]
arm = "orphan"
encoding = "learned"
"""
ARGUMENTS = ("family", "--profile", "smoke", "--jobs", "2", "--out")


def by_arm(out: Path, seed: int = 0) -> dict[str, dict[str, Any]]:
    found = records(out).values()
    return {r["spec"]["arm"]: r for r in found if r["spec"]["seed"] == seed}


def test_children_start_from_their_parents_weights(home: Home, tmp_path: Path) -> None:
    home.add_study("family", BASE + FAMILY + PROFILE)
    out = tmp_path / "run"
    home.run_well(*ARGUMENTS, out)
    for seed in (0, 1):
        arms = {r["spec"]["arm"]: r for r in records(out).values() if r["spec"]["seed"] == seed}
        child, mother, orphan = arms["child"], arms["mother"], arms["orphan"]
        assert child["parent"] == child["spec"]["init"] == mother["id"]
        assert mother["parent"] is None and orphan["parent"] is None
        weights = mother["result"]["weights"]
        file = out / weights["file"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == weights["sha256"]
        assert child["result"]["weights"] is None
        # What the mother learned in 60 steps the child has before its first.
        first = child["result"]["curve"][0]["train_loss"]
        assert first < orphan["result"]["curve"][0]["train_loss"] / 2
    home.run_well(*ARGUMENTS, tmp_path / "again")
    assert records(tmp_path / "again") == records(out)


def test_weights_that_were_changed_are_refused(home: Home, tmp_path: Path) -> None:
    home.add_study("family", BASE + FAMILY + PROFILE)
    out = tmp_path / "run"
    home.run_well(*ARGUMENTS, out)
    arms = {r["spec"]["arm"]: r for r in records(out).values() if r["spec"]["seed"] == 0}
    child = out / "trials" / f"{arms['child']['id']}.json"
    child.unlink()
    weights = arms["mother"]["result"]["weights"]
    file = out / weights["file"]
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)

    result = home.run(*ARGUMENTS, out)
    assert result.returncode == 1
    found = hashlib.sha256(changed).hexdigest()
    for word in (str(file), weights["sha256"], found):
        assert word in result.stderr
    assert not child.exists()
    (failed,) = run_json(out)["failed"]
    assert failed["id"] == child.stem and found in failed["reason"]

    # Made good again, it goes on, and the failure is forgotten.
    changed[-1] ^= 1
    file.write_bytes(changed)
    home.run_well(*ARGUMENTS, out)
    assert child.exists() and run_json(out)["failed"] == []


def test_a_parent_without_weights_fails_its_children_alone(home: Home, tmp_path: Path) -> None:
    home.add_study("family", BASE + FAMILY.replace("keep_weights = true\n", "") + PROFILE)
    result = home.run(*ARGUMENTS, tmp_path / "run")
    assert result.returncode == 1
    assert "keep_weights = true" in result.stderr
    assert {r["spec"]["arm"] for r in records(tmp_path / "run").values()} == {"mother", "orphan"}
    assert len(run_json(tmp_path / "run")["failed"]) == 2


def test_a_parent_that_fails_takes_its_children_along(home: Home, tmp_path: Path) -> None:
    # A folder in the place of the weights: the mothers train and cannot keep what they learned.
    home.add_study("family", BASE + FAMILY + PROFILE)
    out = tmp_path / "run"
    out.mkdir()
    (out / "weights").write_text("in the way")
    result = home.run(*ARGUMENTS, out)
    assert result.returncode == 1
    assert {r["spec"]["arm"] for r in records(out).values()} == {"orphan"}
    reasons = sorted(f["reason"] for f in run_json(out)["failed"])
    assert len(reasons) == 4
    assert sum("parent trial failed" in reason for reason in reasons) == 2
    (out / "weights").unlink()
    home.run_well(*ARGUMENTS, out)
    assert len(records(out)) == 6
    assert json.loads((out / "run.json").read_text())["failed"] == []


PRE_TRAINED = """
[[arm]]
arm = "fine_tuned"
encoding = "learned"
parent = "language_model"
[[arm]]
arm = "language_model"
task = "masked_lm"
dataset = "tiny_text"
encoding = "learned"
keep_weights = true
[[arm]]
arm = "orphan"
encoding = "learned"
"""


def test_one_encoder_is_pre_trained_on_a_task_and_fine_tuned_on_another(
    home: Home, tmp_path: Path
) -> None:
    home.add_tags("tiny_text")
    manifest = home.folder / "datasets" / "tiny_text.toml"
    text = manifest.read_text().replace('task = "tagging"', 'task = "masked_lm"')
    manifest.write_text(text.replace("[[files]]", '[options]\nlabels = "none"\n[[files]]'))
    home.add_study("family", BASE + PRE_TRAINED + PROFILE)
    out = tmp_path / "run"
    home.run_well(*ARGUMENTS, out)
    arms = by_arm(out)
    parent, child, orphan = (arms[a]["result"] for a in ("language_model", "fine_tuned", "orphan"))
    assert parent["metric"] == "loss" and child["metric"] == "accuracy"
    # The child reads with its parent's vocabulary, learned from other text than its own.
    assert child["vocabulary_digest"] == parent["vocabulary_digest"]
    assert child["vocabulary_digest"] != orphan["vocabulary_digest"]
    assert child["curve"][0]["train_loss"] != orphan["curve"][0]["train_loss"]


def test_a_parent_whose_weights_are_lost_trains_again(home: Home, tmp_path: Path) -> None:
    home.add_study("family", BASE + FAMILY + PROFILE)
    out = tmp_path / "run"
    home.run_well(*ARGUMENTS, out)
    before = records(out)
    arms = by_arm(out)
    # A copy of the records without weights, as from git, that still lacks a child.
    weights = out / arms["mother"]["result"]["weights"]["file"]
    kept = weights.read_bytes()
    weights.unlink()
    (out / "trials" / f"{arms['child']['id']}.json").unlink()
    home.run_well(*ARGUMENTS, out)
    assert weights.read_bytes() == kept
    assert records(out).keys() == before.keys()
    assert by_arm(out)["child"]["result"] == arms["child"]["result"]


def test_grandchildren_read_with_the_vocabulary_of_the_first(home: Home, tmp_path: Path) -> None:
    home.add_tags("others")
    family = FAMILY.replace('arm = "orphan"\n', 'arm = "grandchild"\nparent = "child"\n').replace(
        'parent = "mother"\n', 'parent = "mother"\ndataset = "others"\nkeep_weights = true\n'
    )
    home.add_study("family", BASE + family + PROFILE)
    out = tmp_path / "run"
    home.run_well(*ARGUMENTS, out)
    arms = by_arm(out)
    digests = {record["result"]["vocabulary_digest"] for record in arms.values()}
    assert len(arms) == 3 and len(digests) == 1
    # A copy without weights that lacks the last: its parent and the parent of that train again.
    shutil.rmtree(out / "weights")
    (out / "trials" / f"{arms['grandchild']['id']}.json").unlink()
    home.run_well(*ARGUMENTS, out)
    assert by_arm(out)["grandchild"]["result"] == arms["grandchild"]["result"]
