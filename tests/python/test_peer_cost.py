"""peer_cost through its binary, and the PyTorch side by itself; what is not installed skips by name."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
PEERS = ROOT / "bench" / "peers"
TINY = ("--hidden", "16", "--heads", "2", "--feed-forward", "32", "--vocabulary", "50")
TINY += ("--length", "9", "--batch", "3", "--blocks", "2", "--slice-ms", "0.01")

needs_build = pytest.mark.skipif(
    not (BUILD / "bin" / "peer_cost").exists(), reason=f"no build in {BUILD}"
)


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / "bin" / "peer_cost"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=300
    )


def result_of(*words: str, **environment: str) -> Any:
    done = start(*words, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["result"]


@needs_build
@pytest.mark.parametrize("work", ["forward", "train"])
def test_our_arm_runs_alone(work: str) -> None:
    result = result_of(*TINY, "--work", work, "--arms", "posbench")
    assert list(result["arms"]) == ["posbench"] and result["skipped"] == {}
    samples = result["arms"]["posbench"]
    assert samples["block"] == [0, 1] and all(ns > 0 for ns in samples["ns"])
    assert result["tokens"] == result["padded_tokens"] == 27
    assert result["peak_memory_bytes"]["posbench"] >= result["loaded_memory_bytes"]["posbench"] > 0
    assert sum(result["parts"].values()) == pytest.approx(1)


@needs_build
def test_a_peer_that_is_not_installed_is_skipped_by_name(tmp_path: Path) -> None:
    arms = ("--arms", "posbench,onnxruntime")
    result = result_of(*TINY, *arms, POSBENCH_DATA=str(tmp_path))
    assert list(result["arms"]) == ["posbench"]
    assert "not installed" in result["skipped"]["onnxruntime"]


@needs_build
def test_a_peer_that_cannot_do_the_work_is_skipped_by_name() -> None:
    result = result_of(*TINY, "--work", "train", "--arms", "posbench,onnxruntime")
    assert result["skipped"] == {"onnxruntime": "runs forward passes only"}


@needs_build
@pytest.mark.parametrize("work", ["forward", "train"])
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_every_peer_computes_the_same(work: str, precision: str) -> None:
    done = start(*TINY, "--work", work, "--precision", precision)
    if "AVX-512" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    if "pytorch" in result["skipped"]:
        pytest.skip(result["skipped"]["pytorch"])
    agreement = result["agreement"]
    for apart in agreement["outputs"].values():
        assert 0 < apart <= agreement["tolerance"]["outputs"]
    assert len(agreement.get("first_losses", [])) == (3 if work == "train" else 0)
    assert set(result["arms"]) == set(result["tuning"]) == set(result["versions"])
    assert result["tuning"]["pytorch"]["threads"] == 1
    assert "OPENBLAS_CORETYPE" not in result["tuning"]["pytorch"]["environment"]


OTHERS = [
    ("encoder", "learned", "roberta"),
    ("encoder", "sinusoid", "tensor2tensor"),
    ("encoder", "rope", "pairs"),
    ("encoder", "rope", "halves_quarter"),
    ("encoder", "shaw", "keys"),
    ("encoder", "tupe", ""),
    ("vaswani", "sinusoid", ""),
    ("bert", "alibi", ""),
    ("gpt", "t5_bias", ""),
    ("gpt", "shaw", ""),
    ("transformer_xl", "transformer_xl", ""),
    ("longformer", "rope", "halves"),
]


@needs_build
@pytest.mark.parametrize("system, encoding, convention", OTHERS)
def test_encodings_and_systems_are_pytorchs(system: str, encoding: str, convention: str) -> None:
    words = ["--system", system, "--encoding", encoding, "--convention", convention]
    words += ["--window", "5", "--globals", "2"]
    # Room for a quarter of a head that turns, and for distances beyond Shaw's.
    shape = [{"16": "32", "9": "37"}.get(word, word) for word in TINY]
    result = result_of(*shape, "--work", "train", *words)
    if "pytorch" in result["skipped"]:
        pytest.skip(result["skipped"]["pytorch"])
    agreement = result["agreement"]  # of outputs, and of the first steps' losses
    assert 0 < agreement["outputs"]["pytorch"] <= agreement["tolerance"]["outputs"]


@needs_build
def test_onnx_runtime_has_the_plain_encoder_alone() -> None:
    result = result_of(*TINY, "--encoding", "rope", "--arms", "posbench,onnxruntime")
    assert "plain encoder" in result["skipped"]["onnxruntime"]


@needs_build
@pytest.mark.parametrize(
    "words, said",
    [
        (("--work", "trian"), "unknown work 'trian'; did you mean 'train'?"),
        (("--arms", "posbench,torch"), "unknown arm 'torch'"),
        (("--arms", "pytorch"), "the first of arms is posbench"),
        (("--arms", "posbench,posbench"), "arms has posbench twice"),
        (("--batch", "0"), "batch must be at least 1; got 0"),
        (("--heads", "3"), "hidden 128 is not a multiple of heads 3"),
        (("--precision", "f16"), "f16"),
        (("--isa", "avx2"), "peer_cost has no --isa"),
    ],
)
def test_what_peer_cost_refuses(words: tuple[str, ...], said: str) -> None:
    done = start(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


@pytest.fixture
def job_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PEERS))
    return pytest.importorskip("job")


def test_the_learning_rate_rises_and_falls_linearly(job_module: Any) -> None:
    recipe = {"learning_rate": 2.0, "warmup": 0.5, "steps": 8}
    rates = [job_module.learning_rate_at(recipe, step) for step in range(8)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 1.6, 1.2, 0.8, 0.4])


def test_formulations_are_equal_with_and_without_padding(job_module: Any) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    encoder = pytest.importorskip("pytorch_encoder")
    rng = np.random.default_rng(0)
    d, parts = 8, {"token": (20, 8), "position": (6, 8)}
    parts |= {f"layer0.{n}": s for n, s in {"qkv": (d, 24), "out": (d, d)}.items()}
    parts |= {"layer0.ff1": (d, 16), "layer0.ff2": (16, d), "head": (d, 3)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in parts.items()}
    for name in list(weights):
        if name not in ("token", "position"):
            weights[name + "_bias"] = rng.normal(size=parts[name][1]).astype(np.float32)
    for norm in ("norm0", "layer0.norm1", "layer0.norm2"):
        for part in ("gamma", "beta"):
            weights[f"{norm}.{part}"] = rng.normal(size=d).astype(np.float32)
    shape = {"heads": 2, "hidden": d, "layers": 1, "max_length": 6, "window": 2, "globals": 1}

    def sentences(lengths: list[int]) -> Any:
        total = sum(lengths)
        tokens = np.arange(total, dtype=np.int32) % 20
        return job_module.Sentences(np.array(lengths, np.int32), tokens, tokens % 3)

    job = job_module.Job(False, "f32", "encoder", "learned", "bert", shape, {}, weights, [], [])
    mixed, alone = encoder.padded(sentences([4, 6, 1])), encoder.padded(sentences([4]))
    assert mixed.mask is not None and alone.mask is None and mixed.tokens.shape == (3, 6)
    start = encoder.Formulation()
    ways = [start] + [how for group in start.others(job) for how in group if how.graph == "eager"]
    expected = encoder.Encoder(job, start)(alone.tokens).detach()
    for how in ways:
        model = encoder.Encoder(job, how).eval()
        with torch.inference_mode():
            torch.testing.assert_close(model(alone.tokens), expected, rtol=1e-4, atol=1e-5)
            if how.attention != "native":
                padded = model(mixed.tokens, mixed.rows, mixed.mask)
                assert padded.shape == (11, 3)
                torch.testing.assert_close(padded[:4], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data", [b"a 1 2\n\n" + bytes(8), b"a_bias 1 2\n\n" + bytes(8)])
def test_weights_are_matrices_and_vectors(job_module: Any, data: bytes) -> None:
    ((name, values),) = job_module.read_weights(data).items()
    assert values.shape == ((2,) if name == "a_bias" else (1, 2))
