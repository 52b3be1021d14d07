"""What trials ask of the engine: precision, dropout, memory, and a loss that breaks."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from report import claims
from report.load import load
from report.tables import Context, make_tables
from tiny_home import ARMS, BASE, BUILD, PROFILE, Home, home, needs_build, records, run_json

__all__ = ["home"]
pytestmark = needs_build

SMOKE = ("--profile", "smoke")
ONE_SEED = PROFILE.replace("[0, 1]", "[0]")
TINY = json.loads(
    '{"task": "tagging", "dataset": "tiny_tags", "hidden": 8, "layers": 1, "heads": 2, "steps": 5,'
    ' "feed_forward": 16, "max_length": 8, "vocabulary": 64, "batch_tokens": 64,'
    ' "learning_rate": 0.01}'
)


def accuracy(home: Home, *flags: str, **keys: Any) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / "accuracy"), "--trial", json.dumps(TINY | keys), *flags]
    return subprocess.run(
        command, capture_output=True, text=True, env=home.environment, timeout=300
    )


def record(home: Home, *flags: str, **keys: Any) -> Any:
    told = accuracy(home, *flags, **keys)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def refusal(home: Home, **keys: Any) -> str:
    told = accuracy(home, **keys)
    assert told.returncode == 2 and told.stdout == "", told.stdout
    assert told.stderr.startswith("error: ")
    return told.stderr


def has_bf16(home: Home) -> bool:
    return "needs AVX-512" not in accuracy(home, precision="bf16").stderr


def test_keys_at_their_defaults_leave_ids_alone(home: Home) -> None:
    plain = record(home)
    assert record(home, precision="f32", dropout=0.0)["id"] == plain["id"]
    assert record(home, dropout=0.1)["id"] != plain["id"]
    assert record(home, dropout=0.1)["fingerprint"] != plain["fingerprint"]


def test_the_fingerprint_notices_the_precision(home: Home) -> None:
    if not has_bf16(home):
        pytest.skip("bf16 needs AVX-512")
    plain, half = record(home), record(home, precision="bf16")
    assert half["fingerprint"] != plain["fingerprint"] and half["id"] != plain["id"]
    assert half["result"]["curve"] != plain["result"]["curve"]
    assert half["result"]["test"]["loss"] == pytest.approx(
        plain["result"]["test"]["loss"], abs=0.02
    )
    # A record holds no time but what its process took, which nobody prints as a result.
    assert not [
        key for key in half["result"] if "time" in key or "second" in key or key.endswith("_ns")
    ]


def test_bits_do_not_depend_on_the_process_or_on_jobs(home: Home, tmp_path: Path) -> None:
    arms = '[[arm]]\narm = "a"\n[[arm]]\narm = "b"\ndropout = 0.1\n'
    if has_bf16(home):
        arms += '[[arm]]\narm = "c"\nprecision = "bf16"\ndropout = 0.1\n'
    home.add_study("bits", BASE + arms + PROFILE)
    found = []
    for jobs in ("1", "2"):
        home.run_well("bits", *SMOKE, "--jobs", jobs, "--out", tmp_path / jobs)
        found.append(records(tmp_path / jobs))
    assert found[0] == found[1] and len(found[0]) in (4, 6)


def test_bf16_is_left_out_by_name_where_the_machine_lacks_it(home: Home, tmp_path: Path) -> None:
    # A process that is limited to AVX2 is such a machine.
    text = BASE + 'isa = "avx2"\n' + ARMS + '[grid]\nprecision = ["f32", "bf16"]\n' + ONE_SEED
    home.add_study("limited", text)
    out = tmp_path / "run"
    told = home.run_well("limited", *SMOKE, "--out", out)
    (left_out,) = run_json(out)["unavailable"]
    assert (left_out["what"], left_out["study"], left_out["trials"]) == ("avx2 bf16", "limited", 3)
    assert "precision bf16 needs AVX-512" in left_out["reason"]
    assert "study limited: 3 trials left out: precision bf16 needs" in told.stderr
    assert {r["spec"]["precision"] for r in records(out).values()} == {"f32"}
    assert "precision bf16 needs AVX-512" in refusal(home, precision="bf16", isa="avx2")


def test_mistyped_and_impossible_values(home: Home) -> None:
    assert "unknown precision 'bf61'; did you mean 'bf16'?" in refusal(home, precision="bf61")
    for dropout in (-0.1, 1.0):
        assert "a probability from 0 to below 1" in refusal(home, dropout=dropout)
    assert "max_length is 0; it must be at least 1" in refusal(home, max_length=0)
    assert "heads is 0" in refusal(home, heads=0)


def test_the_smallest_batches_train(home: Home) -> None:
    """One sequence a batch; then one token a batch; sentences of six words are cut to the table."""
    assert record(home, batch_tokens=1)["result"]["curve"][-1]["tokens"] == 5 * 6
    one = record(home, batch_tokens=1, max_length=1)["result"]
    assert one["curve"][-1]["tokens"] == 5
    assert [p["position"] for p in one["loss_by_position"]] == [0]


def test_too_little_memory_is_refused_before_the_run(home: Home, tmp_path: Path) -> None:
    shape = {"hidden": 65536, "layers": 1000, "heads": 1024, "feed_forward": 262144}
    said = "an encoder of d 65536, 1000 layers and 14 words, training on batches of 2055 tokens: "
    told = refusal(home, **shape)
    assert said in told and " bytes of memory needed (" in told and "take a smaller shape" in told
    changes = "".join(f"{key} = {value}\n" for key, value in shape.items())
    home.add_study("huge", BASE + PROFILE + "[profile.smoke.base]\n" + changes)
    result = home.run("huge", *SMOKE, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert "error: huge: an encoder of d 65536" in result.stderr
    assert not list((tmp_path / "run").glob("trials/*"))


def test_encoders_that_are_timed_are_refused_together() -> None:
    command = [str(BUILD / "bin" / "encoder_cost"), "--arms", "learned,none", "--hidden", "65536"]
    told = subprocess.run([*command, "--layers", "1000"], capture_output=True, text=True)
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.startswith("error: 2 encoders of d 65536, 1000 layers and 8000 words, for ")
    assert " bytes of memory needed (" in told.stderr


def test_instruction_sets_differ_by_rounding(home: Home) -> None:
    """Losses of a short training, in nats.

    On Brown with the shape of `parity`, 50 steps: AVX2 5e-7 from AVX-512, SSE4 8e-7, on both sides of the
    split; after the last step one word in 115,595 has another tag.
    """
    told = accuracy(home, "--isa", "avx512")
    if told.returncode != 0:
        pytest.skip(told.stderr)
    best = json.loads(told.stdout)["result"]
    for tier in ("sse4", "avx2"):
        found = record(home, "--isa", tier)["result"]
        assert found["curve"] != best["curve"]
        for one, other in zip(found["curve"], best["curve"], strict=True):
            for loss in ("train_loss", "dev_loss"):
                assert one[loss] == pytest.approx(other[loss], abs=1e-5)


def test_a_loss_that_breaks_stops_its_trial_and_not_the_sweep(home: Home, tmp_path: Path) -> None:
    arms = '[[arm]]\narm = "wild"\nlearning_rate = 1e30\n[[arm]]\narm = "calm"\n'
    home.add_study("parity", BASE + arms + ONE_SEED)
    out = tmp_path / "run"
    home.run_well("parity", *SMOKE, "--out", out)
    assert run_json(out)["failed"] == []
    results = {r["spec"]["arm"]: r["result"] for r in records(out).values()}
    assert results["calm"]["stopped"] is None and results["calm"]["test"]["examples"] > 0
    assert results["wild"]["stopped"] == {"step": 1, "reason": "the loss is not finite"}
    assert "test" not in results["wild"]
    again = home.run_well("parity", *SMOKE, "--out", out)
    assert "2 trials, 0 to run" in again.stderr

    tables = make_tables(Context(load([out]), claims.read_claims(), []))
    assert ["stopped", "wild, tagging, seed 0", "", 1, "step 1: the loss is not finite", ""] in (
        tables["missing"].rows
    )
