"""encoding_error through its binary: what a record holds, and that it is the same each time."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
HARNESS = BUILD / "bin" / "encoding_error"

pytestmark = pytest.mark.skipif(not HARNESS.exists(), reason=f"no build in {BUILD}")


def start(*words):
    command = [str(HARNESS), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def ranges_of(*words):
    done = start("--hidden", 16, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["result"]["ranges"]


@pytest.mark.parametrize("convention", ["interleaved", "tensor2tensor"])
@pytest.mark.parametrize(
    "producer, most", [("table", 3.1e-8), ("simd", 2e-7), ("recurrence", 1e-6)]
)
def test_tables_and_kernels_are_as_exact_far_out_as_near(producer, convention, most):
    ranges = ranges_of("--producer", producer, "--convention", convention)
    assert [r["to"] for r in ranges] == [127, 511, 2047, 9999, 99_999, 1_000_000]
    for r in ranges:
        assert 0 < r["mean_abs_error"] < r["max_abs_error"] <= r["declared"] == most
        assert r["from"] <= r["worst_t"] <= r["to"] and r["worst_column"] < 16
    assert sum(r["rows"] for r in ranges if r["to"] < 2048) == 2048


@pytest.mark.parametrize("producer", ["libm_pow", "libm", "vector_library"])
def test_one_f32_angle_loses_a_digit_with_each_digit_of_the_position(producer):
    near, *_, far = ranges_of("--producer", producer)
    assert near["max_abs_error"] < 2e-5
    assert 1e-2 < far["max_abs_error"] <= far["declared"]
    assert far["worst_t"] > 500_000


def test_the_same_trial_says_the_same_and_a_seed_draws_other_positions():
    assert ranges_of("--seed", 1) == ranges_of("--seed", 1)
    one, two = ranges_of("--seed", 1), ranges_of("--seed", 2)
    assert one[:3] == two[:3]  # every position below 2048
    assert one[3:] != two[3:]


def test_behaviour_is_named_by_what_the_kernel_computes():
    def fingerprint(*words):
        return json.loads(start("--identify", "--hidden", 16, *words).stdout)["fingerprint"]

    assert fingerprint("--producer", "simd") == fingerprint("--producer", "simd")
    assert fingerprint("--producer", "simd") != fingerprint("--producer", "recurrence")


@pytest.mark.parametrize(
    "words, said",
    [
        (("--producer", "recurence"), "did you mean 'recurrence'?"),
        (("--convention", "paper"), "unknown sinusoid convention 'paper'"),
        (("--hidden", 7), "even hidden size"),
        (("--hidden", -2), "hidden must be at least 2; got -2"),
    ],
)
def test_bad_input_is_refused(words, said):
    done = start(*words)
    assert done.returncode == 2 and said in done.stderr
