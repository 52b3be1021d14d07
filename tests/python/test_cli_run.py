"""Whole runs through the real binaries: finished trials stay, killed runs go on, nothing half done."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
POSBENCH = BUILD / "bin" / "posbench"

pytestmark = pytest.mark.skipif(not POSBENCH.exists(), reason=f"no build in {BUILD}")


def command(study: str, out: Path, *more: str) -> list[str]:
    words = [str(POSBENCH), "run", study, "--profile", "smoke", "--jobs", "2", "--out", str(out)]
    return words + list(more)


def run(study: str, out: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        command(study, out, *more), capture_output=True, text=True, env=os.environ | environment
    )
    assert result.returncode == 0, result
    return result


def records(out: Path) -> dict[str, Any]:
    """The records of a run by id."""
    return {file.stem: json.loads(file.read_text()) for file in (out / "trials").glob("*.json")}


def exact_parts(out: Path) -> dict[str, Any]:
    """What two runs of the memory study must agree on to the byte."""
    return {
        id: record["result"].get("exact", record["result"]) for id, record in records(out).items()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    run("memory", out)
    return out


def test_a_run_holds_its_records_and_their_merge(undisturbed: Path) -> None:
    about = json.loads((undisturbed / "run.json").read_text())
    planned = {id for study in about["studies"] for id in study["trials"]}
    assert planned and set(records(undisturbed)) == planned
    assert about["ended"] and about["failed"] == [] and about["missing_data"] == []
    assert set(about["rules"]) == {f"C{number}" for number in range(1, 10)}
    merged = [json.loads(line) for line in (undisturbed / "memory.jsonl").read_text().splitlines()]
    assert [record["id"] for record in merged] == sorted(planned)
    hosts = {host["id"] for host in about["hosts"]}
    assert all(record["provenance"]["host"] in hosts for record in merged)
    told = subprocess.run([POSBENCH, "conformance", "--json"], capture_output=True, text=True)
    assert (undisturbed / "conformance.json").read_text() == told.stdout


def test_a_second_run_repeats_nothing(undisturbed: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in undisturbed.glob("trials/*.json")}
    run("memory", undisturbed)
    assert before == {file: file.stat().st_mtime_ns for file in undisturbed.glob("trials/*.json")}


def test_a_damaged_record_is_made_again(undisturbed: Path) -> None:
    victim = min(undisturbed.glob("trials/*.json"))
    whole = exact_parts(undisturbed)
    victim.write_text(victim.read_text()[:100])
    run("memory", undisturbed)
    assert exact_parts(undisturbed) == whole


def test_killed_and_started_again_it_ends_with_the_same_records(
    undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        command("memory", out), stdout=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and not list(out.glob("trials/*.json")):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for record in out.glob("trials/*.json"):
        json.loads(record.read_text())  # whole, or not there
    run("memory", out)
    assert exact_parts(out) == exact_parts(undisturbed)


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    result = run("memory", tmp_path / "run", "--dry-run")
    assert "core-seconds" in result.stdout
    assert not (tmp_path / "run").exists()


def test_missing_data_can_be_left_out_and_is_said(tmp_path: Path) -> None:
    out = tmp_path / "run"
    # Where WordNet's package is installed, its trials would run; an empty folder of its name hides it.
    (tmp_path / "data" / "wordnet_gloss").mkdir(parents=True)
    run("parity", out, "--skip-missing-data", POSBENCH_DATA=str(tmp_path / "data"))
    missing = json.loads((out / "run.json").read_text())["missing_data"]
    assert {each["dataset"] for each in missing} == {"brown_pos", "wordnet_gloss"}
    for each in missing:
        assert each["command"] == f"posbench data fetch {each['dataset']}"
        assert each["trials"] > 0
    assert records(out) == {}


def test_a_trial_repeated_is_equal_to_the_bit(tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "encoding": "sinusoid",
        "task": "classification",
        "dataset": "wordnet_gloss",
    }
    spec |= {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16, "max_length": 16}
    spec |= {"vocabulary": 200, "steps": 3, "batch_tokens": 64}
    results = []
    for name in ("one", "two"):
        process = subprocess.run(
            [BUILD / "bin" / "accuracy", "--trial", json.dumps(spec), "--out", tmp_path / name],
            capture_output=True,
            text=True,
        )
        if "posbench data fetch" in process.stderr:
            pytest.skip(process.stderr.strip())
        assert process.returncode == 0, process
        (record,) = records(tmp_path / name).values()
        results.append({key: record[key] for key in record if key != "provenance"})
    assert results[0] == results[1]
