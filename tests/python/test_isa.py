"""`--isa`: a process that is limited says so, and a machine runs the tiers that it has."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from test_run_records import alive_in_group
from tiny_home import BASE, BUILD, PROFILE, Home, home, needs_build, records, run_json

__all__ = ["home"]
pytestmark = needs_build

TIERS = ["sse4", "avx2", "avx512"]
CELL = ("encoding_cost", "--hidden", "16", "--length", "8", "--arms", "learned_slice")
CELL += ("--slice-ms", "0.01", "--max-seconds", "0.01")
TINY = ("memory_cost", "--hidden", "8", "--length", "8")


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / words[0]), *words[1:]]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | environment
    )


def record_of(*words: str, **environment: str) -> Any:
    done = start(*words, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tiers_here() -> list[str]:
    best = record_of(*TINY)["host"]["isa_available"]
    return TIERS[: TIERS.index(best) + 1] if best in TIERS else []


def without_tier(folder: Path, targets: str) -> dict[str, str]:
    """An environment in which Highway finds these targets only, as on a lesser CPU."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ here to build the stand-in for a lesser CPU")
    source = folder / "lesser_cpu.cc"
    source.write_text(
        "#include <hwy/targets.h>\n"
        f"namespace hwy {{ int64_t SupportedTargets() {{ return {targets}; }} }}\n"
    )
    library = folder / "lesser_cpu.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.fixture(scope="module")
def no_avx512(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("lesser")
    return without_tier(folder, "HWY_AVX2 | HWY_SSE4 | HWY_SSSE3 | HWY_SCALAR")


@pytest.mark.parametrize("words", [CELL, TINY], ids=["encoding_cost", "memory_cost"])
def test_a_record_tells_what_was_asked_for_and_what_was_used(words: tuple[str, ...]) -> None:
    native = record_of(*words)
    best = native["host"]["isa_available"]
    assert native["spec"]["isa"] == "native"
    assert native["isa"] == {"asked": "native", "used": best, "onednn": native["isa"]["onednn"]}
    ids = {native["id"]}
    for tier in tiers_here():
        limited = record_of(*words, "--isa", tier)
        assert limited["spec"]["isa"] == tier
        assert limited["isa"] == {"asked": tier, "used": tier, "onednn": tier}
        # One machine, whatever a process is limited to; but never one trial.
        assert limited["host"] == native["host"]
        assert limited["fingerprint"] == native["fingerprint"]
        ids.add(limited["id"])
    assert len(ids) == 1 + len(tiers_here())


def test_a_training_has_the_bits_of_its_tier(home: Home, tmp_path: Path) -> None:
    """Fingerprints are of behaviour: a tier's is the same each time, and AVX2's is not SSE4's."""
    tiers = tiers_here()
    grid = f"[grid]\nisa = {json.dumps(tiers)}\n"
    home.add_study("tiers", BASE + grid + PROFILE.replace("[0, 1]", "[0]"))
    fingerprints = []
    for name in ("one", "two"):
        home.run_well("tiers", "--profile", "smoke", "--out", tmp_path / name)
        found = records(tmp_path / name)
        assert {r["isa"]["used"] for r in found.values()} == set(tiers)
        assert run_json(tmp_path / name)["unavailable"] == []
        assert len(run_json(tmp_path / name)["hosts"]) == 1
        fingerprints.append({r["isa"]["used"]: r["fingerprint"] for r in found.values()})
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints[0].values())) == len(tiers)


def test_the_users_tunables_are_kept() -> None:
    if not tiers_here() or tiers_here() == ["sse4"]:
        pytest.skip("nothing to leave out on this CPU")
    command = [BUILD / "bin" / "encoding_cost", "--isa", "sse4", "--blocks", "1000000"]
    mine = "glibc.malloc.perturb=7:glibc.cpu.hwcaps=-ERMS"
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | {"GLIBC_TUNABLES": mine}
    )
    try:
        told = ""
        while "AVX2" not in told:  # until it has started itself anew
            assert process.poll() is None
            told = Path(f"/proc/{process.pid}/environ").read_text()
            time.sleep(0.001)
        # The C library ends each pair that it has read with a zero byte, there where it was.
        assert f"GLIBC_TUNABLES={mine},-AVX512F," in told.replace("\0", ":")
        name = Path(f"/proc/{process.pid}/comm").read_text()
        assert name == "encoding_cost\n"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("words", [CELL, TINY], ids=["encoding_cost", "memory_cost"])
def test_a_tier_that_this_cpu_lacks(words: tuple[str, ...], no_avx512: dict[str, str]) -> None:
    refused = start(*words, "--isa", "avx512", **no_avx512)
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: isa avx512 is more than this CPU has, which is avx2; "
        "take isa native or sse4 or avx2\n"
    )
    asked = start(*words, "--isa", "avx512", "--identify", **no_avx512)
    assert asked.returncode == 0
    assert "more than this CPU has" in json.loads(asked.stdout)["unavailable"]
    assert record_of(*words, "--isa", "avx2", **no_avx512)["isa"]["used"] == "avx2"


def test_a_run_leaves_out_what_the_machine_lacks(
    home: Home, tmp_path: Path, no_avx512: dict[str, str]
) -> None:
    grid = f'[grid]\nisa = {json.dumps(["native", *TIERS])}\n'
    home.add_study("tiers", "[base]\nhidden = 8\nlength = 8\n" + grid + PROFILE, "memory_cost")
    out = tmp_path / "run"
    told = subprocess.run(
        home.command("tiers", "--profile", "smoke", "--out", out),
        capture_output=True,
        text=True,
        env=home.environment | no_avx512,
    )
    assert told.returncode == 0, told.stderr
    reason = "isa avx512 is more than this CPU has, which is avx2; take isa native or sse4 or avx2"
    (left_out,) = run_json(out)["unavailable"]
    assert left_out == {"what": "avx512", "study": "tiers", "trials": 2, "reason": reason}
    assert told.stderr.splitlines()[-1] == f"study tiers: 2 trials left out: {reason}"
    assert {r["spec"]["isa"] for r in records(out).values()} == {"native", "sse4", "avx2"}
    if tiers_here() != TIERS:
        return
    # On a machine that has the tier, the run goes on with it, and complains no longer.
    home.run_well("tiers", "--profile", "smoke", "--out", out)
    assert run_json(out)["unavailable"] == []
    assert len(records(out)) == 8


def test_an_unknown_tier() -> None:
    for words in (CELL, TINY):
        refused = start(*words, "--isa", "axv2")
        assert refused.returncode == 2
        assert "unknown instruction set 'axv2'; did you mean 'avx2'?" in refused.stderr


def test_a_limited_harness_ends_with_its_run(home: Home, tmp_path: Path) -> None:
    """A process that started itself anew is still the child that ends with posbench."""
    long = BASE.replace("steps = 5", 'steps = 1000000\nisa = "sse4"')
    home.add_study("long", long + PROFILE)
    process = subprocess.Popen(
        home.command("long", "--profile", "smoke", "--jobs", "1", "--out", tmp_path / "run"),
        env=home.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not list((tmp_path / "run").glob("logs/*.log")):
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(0.2)  # well into the training
        assert len(alive_in_group(process.pid)) == 2
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    while alive_in_group(process.pid):
        time.sleep(0.01)


def test_doctor_names_the_tiers() -> None:
    told = start("posbench", "doctor").stdout
    assert f"trials with --isa {', '.join(tiers_here())} run here" in told
