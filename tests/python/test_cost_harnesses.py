"""The cost harnesses through their binaries: what a record holds, never how long it took."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
SHORT = ("--blocks", "6", "--slice-ms", "0.05", "--max-seconds", "0.01")

pytestmark = pytest.mark.skipif(
    not (BUILD / "bin" / "encoding_cost").exists(), reason=f"no build in {BUILD}"
)


def start(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / words[0]), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def result_of(*words: str) -> Any:
    done = start(*words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["result"]


@pytest.mark.parametrize("state", ["hot", "in_model", "dram_cold"])
def test_every_arm_runs_in_the_same_blocks(state: str) -> None:
    shape = ("--hidden", "64", "--length", "40", "--batch", "2", "--state", state)
    result = result_of("encoding_cost", *shape, *SHORT)
    assert len(result["arms"]) == 11
    for name, samples in result["arms"].items():
        assert len(samples["block"]) == len(samples["ns"])
        assert all(ns > 0 for ns in samples["ns"]), name
    # Arms far slower than the others run in every fifth block; on a busy machine that may be any.
    blocks = 1 + max(samples["block"][-1] for samples in result["arms"].values())
    for name, samples in result["arms"].items():
        assert samples["block"] in (list(range(blocks)), list(range(0, blocks, 5))), name
    assert result["bytes"]["copy"] == result["bytes"]["simd"] == 4 * 40 * 64 * 4
    assert result["bytes"]["learned_slice"] == 5 * 40 * 64 * 4
    assert result["stream"]["learned_slice"] == "copy" and "none" not in result["stream"]
    assert result["skipped"] == {}


def test_best_arms_name_what_they_chose_and_why() -> None:
    shape = ("--hidden", "64", "--length", "40", "--batch", "8")
    arms = "best_lookup,best_computed,best_lookup_in_place,best_computed_in_place"
    result = result_of("encoding_cost", *shape, "--arms", arms, *SHORT)
    assert set(result["chosen"]) == set(result["rule"]) == set(arms.split(","))
    for best, chosen in result["chosen"].items():
        assert best.endswith("_in_place") == chosen.endswith("_in_place")
        assert ("lookup" in best) == chosen.startswith("learned")


def test_errors_stay_within_what_the_arms_declare() -> None:
    arms = "learned_slice,sinusoid_table,sinusoid_table_t2t,libm,simd,simd_t2t,recurrence"
    result = result_of("encoding_cost", "--hidden", "100", "--arms", arms, *SHORT)
    far = result["max_abs_error_1e6"]
    for name, tolerance in {"simd": 2e-7, "simd_t2t": 2e-7, "recurrence": 1e-6}.items():
        assert 0 < result["max_abs_error"][name] <= tolerance
        assert 0 < far[name] <= tolerance
    # One f32 product as angle is wrong in the second decimal, far out.
    assert 1e-3 < far["libm"] < 0.15
    assert result["max_abs_error"]["sinusoid_table"] <= 3.1e-8
    assert result["max_abs_error"]["sinusoid_table_t2t"] <= 3.1e-8
    assert "learned_slice" not in far


def test_odd_hidden_sizes_have_no_sinusoid() -> None:
    arms = "copy,learned_slice,learned_gather,simd"
    result = result_of("encoding_cost", "--hidden", "33", "--length", "7", "--arms", arms, *SHORT)
    assert set(result["arms"]) == {"copy", "learned_slice", "learned_gather"}
    assert "even hidden size" in result["skipped"]["simd"]


def test_google_benchmark_json_is_kept_beside_the_record(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path))
    arms = ("--arms", "copy,learned_slice,learned_again")
    assert start("encoding_cost", *arms, *SHORT, *out).returncode == 0
    (file,) = (tmp_path / "google_benchmark").iterdir()
    runs = json.loads(file.read_text())["benchmarks"]
    (record,) = (tmp_path / "trials").iterdir()
    samples = json.loads(record.read_text())["result"]["arms"]["learned_again"]
    mine = [r for r in runs if r["name"] == "learned_again/d:128/L:128/B:1/state:hot"]
    assert [r["repetition_index"] for r in mine] == samples["block"]
    assert [r["real_time"] for r in mine] == pytest.approx(samples["ns"])
    assert {r["run_type"] for r in runs} == {"iteration"}


@pytest.mark.parametrize(
    "words, said",
    [
        (("--state", "warm"), "unknown cache state 'warm'; did you mean 'hot'?"),
        (("--arms", "copy,recurence"), "unknown arm 'recurence'; did you mean 'recurrence'?"),
        (("--hidden", "0"), "hidden must be at least 1; got 0"),
        (("--slice-ms", "0"), "slice_ms must be positive; got 0"),
    ],
)
def test_encoding_cost_refuses(words: tuple[str, ...], said: str) -> None:
    done = start("encoding_cost", *words)
    assert done.returncode == 2
    assert said in done.stderr


ARMS = [
    ("learned", "table"),
    ("sinusoid_trainable", "table"),
    ("random_frozen", "table"),
    ("none", "table"),
    ("sinusoid", "table"),
    ("sinusoid", "libm_pow"),
    ("sinusoid", "libm"),
    ("sinusoid", "vector_library"),
    ("sinusoid", "simd"),
    ("sinusoid", "recurrence"),
    ("rope", "table"),
    ("alibi", "table"),
    ("t5_bias", "table"),
    ("shaw", "table"),
    ("transformer_xl", "table"),
    ("tupe", "table"),
]


@pytest.mark.parametrize(
    "shape",
    [
        "--hidden 200 --heads 5 --layers 3 --length 700",
        "--hidden 200 --heads 5 --layers 3 --length 700 --isa sse4",
        "--hidden 128 --heads 2 --length 1024",
    ],
)
@pytest.mark.parametrize("encoding, producer", ARMS)
def test_measured_bytes_agree_with_arithmetic(encoding: str, producer: str, shape: str) -> None:
    arm = ("--encoding", encoding, "--producer", producer)
    result = result_of("memory_cost", *arm, *shape.split())
    exact, measured = result["exact"], result["measured"]
    parts = ("parameter", "gradient", "optimizer", "table", "scratch", "activation")
    assert sum(exact[part + "_bytes"] for part in parts) == exact["total_bytes"]
    assert measured["allocated_bytes"] - exact["total_bytes"] == result["difference_bytes"]
    # An object, or those of its products, which need no working memory on some CPUs.
    multiplies = encoding in ("transformer_xl", "tupe")
    library = measured["library_bytes"]
    assert multiplies or library == 0
    assert 0 <= result["difference_bytes"] - library <= (16 * 1024 if multiplies else 1024)
    # Whole pages, of which each array may have two that it fills in part; and the kernel counts in batches.
    assert abs(measured["peak_rss_bytes"] - exact["total_bytes"] - library) < 512 * 1024


def test_models_have_their_published_sizes() -> None:
    bert = result_of("memory_cost", "--measure", "model")
    assert (bert["position_parameters"], bert["total_parameters"]) == (393_216, 109_482_240)
    assert bert["training_state_bytes"] == 16 * 109_482_240
    fixed = result_of("memory_cost", "--measure", "model", "--encoding", "sinusoid")
    assert fixed["position_parameters"] == 0
    assert fixed["total_parameters"] == 109_482_240 - 393_216


def test_memory_cost_refuses_what_it_does_not_know() -> None:
    done = start("memory_cost", "--encoding", "lerned")
    assert done.returncode == 2 and "did you mean 'learned'?" in done.stderr
    done = start("memory_cost", "--measure", "modell")
    assert done.returncode == 2 and "did you mean 'model'?" in done.stderr


TINY = ("--hidden", "32", "--length", "8", "--batch", "2", "--vocabulary", "40", "--blocks", "3")


@pytest.mark.parametrize("kind", ["forward", "train"])
def test_the_parts_of_a_pass_are_inside_it(kind: str) -> None:
    result = result_of("encoder_cost", *TINY, "--pass", kind, "--arms", "learned,none")
    assert result["tokens"] == 16 and len(result["f32_peak_gflops"]) == 3
    assert min(result["f32_peak_gflops"]) > 0
    for arm in result["arms"].values():
        assert arm["block"] == [0, 1, 2] and len(arm["parts"]) == 8
        for i, whole in enumerate(arm["ns"]):
            assert 0 < sum(part[i] for part in arm["parts"].values()) <= whole + 100
        assert (max(arm["parts"]["optimizer"]) > 0) == (kind == "train")
    assert {c["own"] for c in result["allocations_per_call"].values()} == {0}


def test_feed_forward_and_heads_follow_the_hidden_size() -> None:
    arms = ("--arms", "learned")
    implied, said = (
        result_of("encoder_cost", *TINY, *arms, "--feed-forward", inner) for inner in ("0", "128")
    )
    assert implied["gflop"] == said["gflop"]
    for hidden, heads in ((100, 3), (290, 4)):  # heads of 32, of 64
        done = start("encoder_cost", "--hidden", str(hidden))
        assert done.returncode == 2
        assert f"{hidden} is not a multiple of heads {heads}" in done.stderr


def test_an_arm_is_a_system_an_encoding_and_a_convention() -> None:
    arms = "none,rope:halves,gpt/alibi,longformer/sinusoid_libm,transformer_xl/transformer_xl"
    result = result_of("encoder_cost", *TINY, "--arms", arms, "--window", "4", "--pass", "train")
    assert list(result["arms"]) == sorted(arms.split(","))
    gflop, memory = result["gflop"], result["memory"]
    assert gflop["none"] == gflop["rope:halves"] > gflop["gpt/alibi"]  # half the scores
    assert memory["transformer_xl/transformer_xl"]["position_parameters"] == 2 * 34 * 32
    assert memory["gpt/alibi"]["position_parameters"] == 0 < memory["gpt/alibi"]["position_bytes"]
    again = result_of("encoder_cost", *TINY, "--arms", arms, "--window", "4", "--pass", "train")
    assert memory == again["memory"]


@pytest.mark.parametrize(
    "words, said",
    [
        (("--arms", "ropee"), "unknown arm 'ropee'; did you mean 'rope'?"),
        (("--arms", "rope:halfs"), "did you mean 'halves'?"),
        (("--arms", "gtp/rope"), "unknown system 'gtp'; did you mean 'gpt'?"),
        (("--arms", "longformer/alibi", "--length", "512"), "adds to the attention scores"),
        (("--arms", "longformer/learned", "--length", "128"), "window"),
        (("--precision", "bf61"), "unknown precision 'bf61'; did you mean 'bf16'?"),
        (("--pass", "trian"), "unknown pass 'trian'; did you mean 'train'?"),
        (("--layers", "0"), "layers"),
        (("--length", "0"), "length and batch must be at least 1"),
    ],
)
def test_encoder_cost_refuses(words: tuple[str, ...], said: str) -> None:
    done = start("encoder_cost", *words)
    assert done.returncode == 2
    assert said in done.stderr
