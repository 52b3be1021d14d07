"""peer_cost through its binary, and the PyTorch side by itself; what is not installed skips by name."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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


MODELS = [  # system, encoding, convention
    ("encoder", "none", ""),
    ("encoder", "rope", "pairs"),
    ("encoder", "rope", "halves_quarter"),
    ("encoder", "alibi", ""),
    ("encoder", "shaw", ""),
    ("encoder", "transformer_xl", ""),
    ("encoder", "tupe", ""),
    ("vaswani", "sinusoid", ""),
    ("bert", "sinusoid", "tensor2tensor"),
    ("gpt", "learned", "roberta"),
    ("gpt", "t5_bias", ""),
    ("transformer_xl", "transformer_xl", ""),
    ("longformer", "rope", "halves"),
]


@needs_build
@pytest.mark.parametrize("system, encoding, convention", MODELS)
def test_pytorch_computes_the_same_with_each_encoding_and_system(
    system: str, encoding: str, convention: str
) -> None:
    """Logits and the losses of three steps; 40 rows are beyond the reach of Shaw's vectors and of a window of 8."""
    shape = ("--hidden", "16", "--heads", "2", "--feed-forward", "32", "--vocabulary", "50")
    shape += ("--length", "40", "--batch", "3", "--blocks", "1", "--slice-ms", "0.01")
    shape += ("--window", "8", "--globals", "2", "--work", "train")
    model = ("--system", system, "--encoding", encoding, "--convention", convention)
    result = result_of(*shape, *model, "--arms", "posbench,pytorch")
    if result["skipped"]:
        pytest.skip(result["skipped"]["pytorch"])
    assert 0 < result["agreement"]["outputs"]["pytorch"] < 1e-4
    assert result["agreement"]["losses"]["pytorch"] < 1e-4


@needs_build
@pytest.mark.parametrize("words", [("--system", "gpt"), ("--encoding", "alibi")])
def test_onnx_runtime_has_no_part_in_other_systems_and_encodings(words: tuple[str, ...]) -> None:
    result = result_of(*TINY, *words, "--arms", "posbench,onnxruntime")
    why = "runs the plain encoder with learned positions only"
    assert result["skipped"] == {"onnxruntime": why}


@needs_build
def test_random_rows_of_our_own_are_no_comparison() -> None:
    result = result_of(*TINY, "--encoding", "random_frozen", "--arms", "posbench,pytorch")
    assert result["skipped"] == {"pytorch": "cannot draw the rows of random_frozen"}


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
        (("--system", "gtp"), "unknown system 'gtp'; did you mean 'gpt'?"),
        (("--encoding", "rop"), "unknown encoding 'rop'; did you mean 'rope'?"),
        (("--encoding", "rope", "--convention", "halfs"), "did you mean 'halves'?"),
        (("--system", "longformer", "--encoding", "alibi"), "the window of system longformer"),
        (
            ("--work", "epoch", "--system", "bert", "--dataset", "order_left"),
            "system bert puts rows without a label",
        ),
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


PARTS: dict[str, dict[str, tuple[int, int]]] = {  # an encoding's trained values, d = 8, L = 41
    "learned": {"position": (41, 8)},
    "t5_bias": {"position": (32, 2)},
    "shaw": {"layer0.position": (66, 8)},
    "transformer_xl": {"layer0.position": (10, 8)},
}


def job_of(module: Any, encoding: str, system: dict[str, Any]) -> Any:
    """One layer of random weights."""
    rng = np.random.default_rng(0)
    d, products = 8, {"qkv": (8, 24), "out": (8, 8), "ff1": (8, 16), "ff2": (16, 8)}
    if system["has_window"]:
        products["global"] = (8, 24)
    linear = {f"layer0.{name}": size for name, size in products.items()} | {"head": (d, 3)}
    tables = {"token": (20, d)} | PARTS.get(encoding, {})
    norms = ["norm0", "layer0.norm1", "layer0.norm2"]
    if system["norm_first"]:
        norms = ["layer0.norm1", "layer0.norm2", "final_norm"]
    sizes: dict[str, tuple[int, ...]] = {**tables, **linear}
    sizes |= {f"{name}_bias": size[1:] for name, size in linear.items()}
    sizes |= {f"{norm}.{part}": (d,) for norm in norms for part in ("gamma", "beta")}
    weights = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    shape = {"heads": 2, "hidden": d, "layers": 1, "max_length": 41, "window": 5, "globals": 2}
    return module.Job(False, "f32", system, encoding, "", shape, {}, weights, [], [])


def sentences(module: Any, lengths: list[int]) -> Any:
    """Each begins with the same tokens."""
    tokens = np.concatenate([np.arange(n, dtype=np.int32) % 20 for n in lengths])
    return module.Sentences(np.array(lengths, np.int32), tokens, tokens % 3)


PLAIN = {"rectifies": False, "scales_tokens": False, "norm_first": False}
PLAIN |= {"causal": False, "has_window": False}


@pytest.mark.parametrize(
    "encoding, system",
    [
        *((name, {}) for name in ("none", "learned", "rope", "alibi", "shaw", "transformer_xl")),
        *((name, {"causal": True, "norm_first": True}) for name in ("learned", "t5_bias", "shaw")),
        ("transformer_xl", {"causal": True, "rectifies": True}),
        ("rope", {"has_window": True}),
    ],
)
def test_formulations_are_equal_with_and_without_padding(
    job_module: Any, monkeypatch: pytest.MonkeyPatch, encoding: str, system: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    encoder = pytest.importorskip("pytorch_encoder")
    monkeypatch.setattr(encoder, "QUERIES", (16, 7))  # slices of 41 rows
    job = job_of(job_module, encoding, PLAIN | system)
    mixed = encoder.padded(sentences(job_module, [23, 41, 1]))
    alone, longest = (encoder.padded(sentences(job_module, [n])) for n in (23, 41))
    assert mixed.mask is not None and alone.mask is None and mixed.tokens.shape == (3, 41)
    start = encoder.Formulation().start(job)
    ways = [start] + [how for group in start.others(job) for how in group if how.graph == "eager"]
    assert len(set(ways)) == len(ways)
    model = encoder.Encoder(job, start)
    expected = torch.cat([model(alone.tokens), model(longest.tokens)]).detach()
    inner = [replace(how, encoding=w.encoding) for how in ways for w in ways]
    for how in dict.fromkeys(inner):
        model = encoder.Encoder(job, how).eval()
        with torch.inference_mode():
            found = torch.cat([model(alone.tokens), model(longest.tokens)])
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
            if how.attention != "native" and not system.get("has_window"):
                padded = model(mixed.tokens, mixed.rows, mixed.mask)
                assert padded.shape == (65, 3)
                torch.testing.assert_close(padded[:64], expected, rtol=1e-4, atol=1e-5)


def test_slopes_and_buckets_are_those_of_the_papers(job_module: Any) -> None:
    """Press 2022, get_slopes for 12 heads; the first distance of each bucket of T5's."""
    torch = pytest.importorskip("torch")
    encodings = pytest.importorskip("pytorch_encodings")
    above = [2.0**-0.5, 2.0**-1.5, 2.0**-2.5, 2.0**-3.5]
    assert encodings.slopes(12) == pytest.approx([2.0**-h for h in range(1, 9)] + above)
    far = torch.arange(1, 300)
    both, causal = encodings.buckets(-far, False), encodings.buckets(-far, True)
    first = [int((both == b).nonzero()[0]) + 1 for b in range(8, 16)]
    assert first == [8, 12, 16, 23, 32, 46, 64, 91]
    first = [int((causal == b).nonzero()[0]) + 1 for b in range(16, 32)]
    assert first == [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
    assert encodings.buckets(torch.tensor([1, -1, 1000]), False).tolist() == [17, 1, 31]


@pytest.mark.parametrize("data", [b"a 1 2\n\n" + bytes(8), b"a_bias 1 2\n\n" + bytes(8)])
def test_weights_are_matrices_and_vectors(job_module: Any, data: bytes) -> None:
    ((name, values),) = job_module.read_weights(data).items()
    assert values.shape == ((2,) if name == "a_bias" else (1, 2))
