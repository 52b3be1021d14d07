"""ci/kernel-gate: what callgrind counts is compared with what is expected, both ways."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tiny_home import BUILD, ROOT

GATE = ROOT / "ci" / "kernel-gate"
SIMD = ("simd", "1", "80", "128")
COPY = ("copy", "8", "80", "128")
EXPECTED: dict[tuple[str, ...], dict[str, int]] = {
    SIMD: {"instructions": 20_000, "l1_bytes": 64_000, "ll_bytes": 0},
    COPY: {"instructions": 10_000, "l1_bytes": 256_000, "ll_bytes": 256_000},
}
PART = """part: {n}
desc: Timerange: Basic block 0 - 99
desc: Trigger: {trigger}
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
summary: 9999 8 7 6 5 4 3 2 1
fn=(1) main
12 5 4 3
totals: {totals}
"""


@pytest.fixture
def gate() -> ModuleType:
    module = ModuleType("kernel_gate")
    module.__file__ = str(GATE)
    # Not imported: that would leave a __pycache__ in ci/.
    exec(compile(GATE.read_text(), GATE, "exec"), module.__dict__)
    return module


@pytest.fixture
def small(gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A gate that expects two calls and finds `found`, without building or counting."""
    monkeypatch.setattr(gate, "EXPECTED", tmp_path / "counts.csv")
    monkeypatch.setattr(gate, "check_tools", lambda: None)
    monkeypatch.setattr(gate, "build", lambda: None)
    gate.write(gate.EXPECTED, EXPECTED)
    finds(gate)
    return gate


def finds(gate: ModuleType, shape: tuple[str, ...] = SIMD, **counts: int) -> None:
    found = {**EXPECTED, shape: EXPECTED.get(shape, {}) | counts}
    gate.__dict__["count"] = lambda: found


def test_counts_are_those_of_the_labelled_parts(gate: ModuleType) -> None:
    label = "Client Request: simd,1,80,128"
    text = PART.format(n=1, trigger=label, totals="100 40 30 2 5 4 1 3 2")
    text += PART.format(n=2, trigger="Client Request: copy,8,80,128", totals="50 20 10 0 7")
    text += PART.format(n=3, trigger="Program termination", totals="1")
    assert gate.parse(text.splitlines()) == {
        SIMD: {"instructions": 100, "l1_bytes": 9 * 64, "ll_bytes": 5 * 64},
        COPY: {"instructions": 50, "l1_bytes": 7 * 64, "ll_bytes": 0},  # trailing zeros left out
    }


def test_what_is_expected_passes(small: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert small.main([]) == 0
    assert "2 kernel calls" in capsys.readouterr().out


@pytest.mark.parametrize(
    "shape, counts, passes",
    [
        (SIMD, {"instructions": 21_000}, True),
        (SIMD, {"instructions": 21_001}, False),
        (SIMD, {"instructions": 18_999}, False),  # an improvement, too, has to be looked at
        (COPY, {"l1_bytes": 256_000 * 115 // 100 + 1024}, True),
        (COPY, {"l1_bytes": 300_000}, False),
        (COPY, {"ll_bytes": 200_000}, False),
        (SIMD, {"ll_bytes": 1024}, True),  # a few lines are addresses
        (SIMD, {"ll_bytes": 1088}, False),
    ],
)
def test_a_change_beyond_its_tolerance_fails(
    small: ModuleType,
    capsys: pytest.CaptureFixture[str],
    shape: tuple[str, ...],
    counts: dict[str, int],
    passes: bool,
) -> None:
    finds(small, shape, **counts)
    assert small.main([]) == (0 if passes else 1)
    said = capsys.readouterr()
    if passes:
        return
    assert "ci/kernel-gate --renew" in said.err
    header, row = said.out.splitlines()
    assert header.split() == "arm shape measure expected found change in %".split()
    ((measure, found),) = counts.items()
    expected = EXPECTED[shape][measure]
    change = [f"{100 * (found / expected - 1):+.1f}"] if expected else []
    where = [shape[0], f"B={shape[1]}", "L=80", "d=128", measure]
    assert row.split() == [*where, str(expected), str(found), *change]


def test_a_call_more_and_a_call_less_fail(
    small: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ("simd_new", "1", "80", "128")
    finds(small, new, instructions=1, l1_bytes=0, ll_bytes=0)
    assert small.main([]) == 1
    assert "simd_new" in capsys.readouterr().out
    small.write(small.EXPECTED, EXPECTED | {new: EXPECTED[SIMD]})
    finds(small)
    assert small.main([]) == 1
    assert "simd_new" in capsys.readouterr().out


def test_renewing_makes_it_pass(small: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    finds(small, instructions=30_000)
    assert [small.main(words) for words in ([], ["--renew"], [])] == [1, 0, 0]
    small.EXPECTED.unlink()
    assert small.main([]) == 2
    assert "ci/kernel-gate --renew makes it" in capsys.readouterr().err


def test_without_valgrind_the_way_out_is_told(
    gate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate.shutil, "which", lambda tool: None)
    assert gate.main([]) == 2
    assert "ci/setup ci" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind here")
@pytest.mark.skipif(
    not (BUILD / "bin" / "kernel_count").exists(), reason=f"no kernel_count in {BUILD}"
)
def test_a_count_of_this_build_is_compared(
    gate: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = gate.count()
    assert len({shape[1:] for shape in counts}) == 3
    assert {"copy", "simd", "recurrence", "best_lookup"} <= {shape[0] for shape in counts}
    # A copy of 8 · 80 · 128 floats by AVX2: two instructions for 8 of them, and little besides.
    vectors = 8 * 80 * 128 // 8
    assert 2 * vectors <= counts[COPY]["instructions"] <= 4 * vectors
    for measure in ("l1_bytes", "ll_bytes"):
        assert counts[COPY][measure] == pytest.approx(2 * 32 * vectors, rel=0.01)
    monkeypatch.setattr(gate, "EXPECTED", tmp_path / "counts.csv")
    monkeypatch.setattr(gate, "build", lambda: None)
    counts[SIMD]["instructions"] = counts[SIMD]["instructions"] * 9 // 10
    gate.write(gate.EXPECTED, counts)
    assert gate.main([]) == 1
    said = capsys.readouterr()
    rows = said.out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["simd"] and "ci/kernel-gate --renew" in said.err
