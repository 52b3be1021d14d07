"""probe through its binary: tables, the layers of a training, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tiny_home import BUILD, Home, home, needs_build, records, run_json

__all__ = ["home"]
pytestmark = needs_build

TABLES = """
[base]
hidden = 32
length = 256
[[arm]]
arm = "sinusoid"
encoding = "sinusoid"
[[arm]]
arm = "learned"
encoding = "learned"
[profile.smoke]
core_seconds = 0.1
seeds = [0, 1]
"""
TRAINING = (
    *("--dataset", "tiny_tags", "--vocabulary", 64, "--max-length", 64, "--steps", 40),
    *("--hidden", 16, "--layers", 2, "--heads", 2, "--feed-forward", 16, "--batch-tokens", 64),
)


def start(home: Home, harness: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / harness), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=home.environment, timeout=300
    )


def record(home: Home, harness: str, out: Path, *words: object) -> dict[str, Any]:
    done = start(home, harness, *words, "--out", out)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(Path(done.stdout.strip()).read_text())
    return found


def random_accuracy(score: dict[str, Any]) -> float:
    draws = [draw["band_accuracy"] for draw in score["random"]]
    return float(sum(draws) / len(draws))


def test_a_study_of_probes_runs_and_says_the_same_again(home: Home, tmp_path: Path) -> None:
    home.add_study("tables", TABLES, harness="probe")
    for out in (tmp_path / "run", tmp_path / "again"):
        home.run_well("tables", "--profile", "smoke", "--out", out)
        assert run_json(out)["failed"] == [] and run_json(out)["ended"]
    found = records(tmp_path / "run")
    assert len(found) == 4 and records(tmp_path / "again") == found
    for trial in found.values():
        table = trial["result"]["table"]
        assert len(table["random"]) == trial["spec"]["draws"] == 5
        if trial["spec"]["arm"] == "sinusoid":
            assert table["r2"] > 0.999 and table["band_accuracy"] > 0.8
            assert random_accuracy(table) < 0.2
        else:
            assert table["r2"] < 0.3 and table["band_accuracy"] < 0.3


def test_layers_know_the_position_that_their_input_tells_them(home: Home, tmp_path: Path) -> None:
    layers: dict[str, Any] = {}
    for encoding in ("learned", "none"):
        words = ("--encoding", encoding, "--position-rms", 0.5 if encoding == "learned" else 0)
        trial = record(home, "accuracy", tmp_path, *TRAINING, *words, "--keep-weights", "true")
        probed = record(home, "probe", tmp_path, "--init", trial["id"], "--draws", 2)
        assert probed["parent"] == trial["id"]
        assert (probed["result"]["table"] is None) == (encoding == "none")
        layers[encoding] = probed["result"]["layers"]
        assert len(layers[encoding]) == 2
    for learned, none in zip(layers["learned"], layers["none"], strict=True):
        assert learned["band_accuracy"] > none["band_accuracy"] + 0.3
        assert learned["band_accuracy"] > random_accuracy(learned) + 0.3
        assert learned["r2"] > none["r2"]


def test_a_parent_must_have_trained(home: Home, tmp_path: Path) -> None:
    table = record(home, "probe", tmp_path, "--encoding", "sinusoid", "--length", 64)
    light = record(home, "accuracy", tmp_path, *TRAINING)
    for trial, said in (
        (table["id"], "is one of probe, which trains nothing"),
        (light["id"], "keep_weights = true"),
        ("f00", "has no record"),
    ):
        done = start(home, "probe", "--init", trial, "--out", tmp_path)
        assert done.returncode == 2 and said in done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (("--draws", 0), "draws must be at least 1"),
        (("--draws", -1), "got -1"),
        (("--length", 63), "length must be at least 64, four rows a band; got 63"),
        (("--encoding", "rope"), "'rope' adds nothing to the input"),
        (("--encoding", "sinusiod"), "did you mean 'sinusoid'?"),
        (("--init", "f00"), "say which with --out"),
    ],
)
def test_bad_input_is_refused(home: Home, words: tuple[object, ...], said: str) -> None:
    done = start(home, "probe", *words)
    assert done.returncode == 2 and said in done.stderr
