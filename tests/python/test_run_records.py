"""Runs from study file to records: complete, repeatable, resumable, the same on any path."""

import json
import os
import shutil
import signal
import subprocess
import time
from base64 import b64decode
from pathlib import Path

import pytest

from tiny_home import ARMS, BASE, PROFILE, Home, home, needs_build, records, run_json, trial_files

__all__ = ["home"]
pytestmark = needs_build

SMOKE = ("--profile", "smoke")


def test_a_run_has_every_record_and_tells_what_it_did(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "run"
    home.run_well("tiny", *SMOKE, "--out", out)
    found = records(out)
    assert len(found) == 6
    assert {(r["spec"]["arm"], r["spec"]["seed"]) for r in found.values()} == {
        (arm, seed) for arm in ("learned", "sinusoid", "none") for seed in (0, 1)
    }
    run = run_json(out)
    assert run["schema"] == "posbench.run/1"
    assert run["profile"] == "smoke"
    assert run["command"] == f"posbench run tiny --profile smoke --out {out}"
    assert run["ended"] >= run["started"]
    assert run["failed"] == [] and run["missing_data"] == []
    assert sorted(run["rules"]) == [f"C{i}" for i in range(1, 10)]
    assert run["datasets"]["tiny_tags"]["licence"] == "none"
    (told,) = run["studies"]
    assert told["id"] == "tiny" and told["harness"] == "accuracy"
    assert sorted(told["trials"]) == sorted(found)
    hosts = {host["id"] for host in run["hosts"]}
    for file in trial_files(out):
        record = json.loads(file.read_text())
        assert record["provenance"]["host"] in hosts
        assert record["datasets"] == {"tiny_tags": run["datasets"]["tiny_tags"]["digest"]}
    lines = (out / "accuracy.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == sorted(found)
    assert (out / "cost.jsonl").read_text() == "" and (out / "memory.jsonl").read_text() == ""
    assert not (out / "logs").exists()


def test_records_hold_what_the_report_needs(home: Home, tmp_path: Path) -> None:
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "run")
    by_seed: dict[int, list[object]] = {}
    for record in records(tmp_path / "run").values():
        result = record["result"]
        assert result["stopped"] is None
        assert result["curve"][-1]["step"] == 5
        units = result["test_units"]
        count = sum(units["units_per_document"])
        assert (
            count == result["test"]["examples"] == sum(p["n"] for p in result["loss_by_position"])
        )
        bits = b64decode(units["correct"])
        assert len(bits) == (count + 7) // 8
        right = sum(bits[i // 8] >> (i % 8) & 1 for i in range(count))
        assert right / count == pytest.approx(result["test"]["accuracy"], abs=1e-12)
        assert [p["position"] for p in result["loss_by_position"]] == list(range(6))
        has_table = record["spec"]["encoding"] == "learned"
        assert result["position_parameters"] == (8 * 8 if has_table else 0)
        same = [result["split"], result["vocabulary_digest"], units["documents"]]
        by_seed.setdefault(record["spec"]["seed"], []).append(same)
    # Arms pair unit by unit: one seed, one split, one order.
    for arms in by_seed.values():
        assert all(arm == arms[0] for arm in arms)
    assert by_seed[0][0] != by_seed[1][0]


def test_real_data(home: Home, tmp_path: Path) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posbench"
    real = Path(os.environ.get("POSBENCH_DATA", cache)) / "brown_pos"
    if not real.is_dir():
        pytest.skip("brown_pos is not on this machine: posbench data fetch brown_pos")
    (home.data / "brown_pos").symlink_to(real)
    home.add_study("real", BASE.replace("tiny_tags", "brown_pos") + "\n[profile.smoke]\n"
                   "core_seconds = 1\nseeds = [0]\n")  # fmt: skip
    home.run_well("real", *SMOKE, "--out", tmp_path / "run")
    (record,) = records(tmp_path / "run").values()
    assert record["result"]["test"]["examples"] > 30_000  # of sentences cut to 8 words
    assert len(record["result"]["test_units"]["documents"]) == 50  # a tenth of 500


def test_a_repeated_run_does_nothing(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "run"
    home.run_well("tiny", *SMOKE, "--out", out)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in trial_files(out)}
    again = home.run_well("tiny", *SMOKE, "--out", out)
    assert "6 trials, 0 to run" in again.stderr
    assert before == {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in trial_files(out)}


def test_only_what_is_missing_is_run(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "run"
    home.run_well("tiny", *SMOKE, "--out", out)
    expected = records(out)
    lost, torn, *kept = trial_files(out)
    lost.unlink()
    torn.write_bytes(torn.read_bytes()[:-20])
    before = {file: file.stat().st_mtime_ns for file in kept}
    assert "6 trials, 2 to run" in home.run_well("tiny", *SMOKE, "--out", out).stderr
    assert records(out) == expected
    assert before == {file: file.stat().st_mtime_ns for file in kept}


def test_jobs_do_not_change_records(home: Home, tmp_path: Path) -> None:
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "one", "--jobs", "1")
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "two", "--jobs", "2")
    assert records(tmp_path / "one") == records(tmp_path / "two")


def test_a_harness_alone_writes_the_record_of_the_run(home: Home, tmp_path: Path) -> None:
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "run")
    expected = records(tmp_path / "run")
    for record in list(expected.values())[:2]:
        harness = Path(home.command()[0]).with_name("accuracy")
        subprocess.run(
            [harness, "--trial", json.dumps(record["spec"]), "--out", tmp_path / "alone"],
            check=True,
            capture_output=True,
            env=home.environment,
        )
    alone = records(tmp_path / "alone")
    assert len(alone) == 2
    assert all(expected[id] == record for id, record in alone.items())


def test_a_seed_shift_is_an_independent_repetition(home: Home, tmp_path: Path) -> None:
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "here")
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "there", "--seed", "1")
    here, there = records(tmp_path / "here"), records(tmp_path / "there")
    assert {r["spec"]["seed"] for r in there.values()} == {1, 2}
    common = set(here) & set(there)  # seed 1 is in both
    assert len(common) == 3
    assert all(here[id] == there[id] for id in common)


def test_changed_data_are_other_trials(home: Home, tmp_path: Path) -> None:
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "before")
    shutil.rmtree(home.data / "tiny_tags")
    home.add_tags("tiny_tags2")
    (home.data / "tiny_tags2").rename(home.data / "tiny_tags")
    manifests = home.folder / "datasets"
    (manifests / "tiny_tags2.toml").rename(manifests / "tiny_tags.toml")
    home.run_well("tiny", *SMOKE, "--out", tmp_path / "after")
    assert not set(records(tmp_path / "before")) & set(records(tmp_path / "after"))


def test_studies_are_chosen_by_name_or_by_profile(home: Home, tmp_path: Path) -> None:
    home.add_study("other", BASE + PROFILE.replace("smoke", "quick"))
    home.add_study("third", BASE + PROFILE + "[profile.smoke.base]\nsteps = 2\n")
    home.run_well(*SMOKE, "--out", tmp_path / "all")
    assert [s["id"] for s in run_json(tmp_path / "all")["studies"]] == ["third", "tiny"]
    assert len(records(tmp_path / "all")) == 8
    home.run_well("third", *SMOKE, "--out", tmp_path / "one")
    assert len(records(tmp_path / "one")) == 2


def test_one_trial_of_two_studies_is_run_once(home: Home, tmp_path: Path) -> None:
    home.add_study("twin", BASE + '[[arm]]\narm = "none"\nencoding = "none"\n' + PROFILE)
    result = home.run_well(*SMOKE, "--out", tmp_path / "run")
    assert "study twin: 2 trials, 0 to run" in result.stderr
    assert len(records(tmp_path / "run")) == 6


def test_rules_stay_as_they_were_locked(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "run"
    home.run_well("tiny", *SMOKE, "--out", out)
    locked = run_json(out)["rules"]
    claim = home.folder / "report" / "claims" / "C5.toml"
    claim.write_text(claim.read_text().replace("margin = 1.0", "margin = 50.0"))
    home.run_well("tiny", *SMOKE, "--out", out)
    assert run_json(out)["rules"] == locked


def test_a_dry_run_writes_nothing(home: Home, tmp_path: Path) -> None:
    result = home.run_well(*SMOKE, "--out", tmp_path / "run", "--dry-run")
    line = next(line for line in result.stdout.splitlines() if line.startswith("tiny"))
    assert line.split() == ["tiny", "accuracy", "6", "6", "1"]  # 0.6 core-seconds
    assert not (tmp_path / "run").exists()


def test_a_study_may_wait_to_be_named(home: Home, tmp_path: Path) -> None:
    home.add_study("goals", BASE + ARMS + PROFILE + "by_name = true\n")
    for words, planned in (((), False), (("goals",), True)):
        plan = home.run_well(*words, *SMOKE, "--out", tmp_path / "run", "--dry-run").stdout
        assert ("goals" in plan) == planned


def alive_in_group(group: int) -> list[str]:
    """Processes of a group that still run; one that nobody has reaped yet does not."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == group and state != "Z":
            alive.append(stat.parent.name)
    return alive


@pytest.mark.parametrize("whole_group", [True, False], ids=["all", "posbench_only"])
def test_killed_and_started_again(home: Home, tmp_path: Path, whole_group: bool) -> None:
    """SIGKILL in the middle; then the same records as an undisturbed run."""
    text = BASE.replace("steps = 5", "steps = 150")
    home.add_study("long", text + PROFILE.replace("[0, 1]", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"))
    arguments = ("long", *SMOKE, "--jobs", "2", "--out")
    home.run_well(*arguments, tmp_path / "undisturbed")
    expected = records(tmp_path / "undisturbed")
    assert len(expected) == 10

    out = tmp_path / "killed"
    process = subprocess.Popen(
        home.command(*arguments, out),
        env=home.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not trial_files(out):
        assert process.poll() is None
        time.sleep(0.001)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    while alive_in_group(process.pid):  # nobody trains on beside the next start
        time.sleep(0.01)
    found = records(out)  # whole ones only
    assert 0 < len(found) < 10
    assert all(expected[id] == record for id, record in found.items())
    assert run_json(out)["ended"] is None

    home.run_well(*arguments, out)
    assert records(out) == expected
    assert run_json(out)["ended"] is not None
    lines = (out / "accuracy.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == sorted(expected)
