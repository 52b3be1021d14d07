"""Conformance: tables that numpy makes through the real binary, and what the report says of it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import conftest
import numpy as np
import pytest

from report import claims, load
from report.errors import ReportError
from report.tables import Context, make_tables
from report.text import Locale
from report.view import grid

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
POSBENCH = BUILD / "bin" / "posbench"

needs_build = pytest.mark.skipif(not POSBENCH.exists(), reason=f"no build in {BUILD}")
Array = np.ndarray[Any, Any]


def conformance(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(POSBENCH), "conformance", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def check(file: Path, table: Array, encoding: str, *more: str) -> tuple[int, str]:
    """Exit code and output of a check of `table`, saved as numpy saves it."""
    np.save(file, table)
    result = conformance("--check", file, "--encoding", encoding, *more)
    assert result.stderr == ""
    return result.returncode, result.stdout


def complaint(*words: str | Path) -> str:
    result = conformance(*words)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr


def sinusoid(rows: int, d: int, last: float = 0.0, halves: bool = False) -> Array:
    """A table as PyTorch code makes it, in f32 throughout; `last`: what d/2 is lessened by."""
    omega = np.exp(np.arange(d // 2, dtype=np.float32) * np.float32(-np.log(1e4) / (d / 2 - last)))
    angle = np.arange(rows, dtype=np.float32)[:, None] * omega
    if halves:
        return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(rows, d)


@needs_build
@pytest.mark.parametrize(
    ("table", "told"),
    [
        (sinusoid(512, 768), "matches: interleaved ("),
        (sinusoid(512, 768).astype("<f8"), "matches: interleaved ("),
        (sinusoid(512, 768, halves=True), "matches: concat ("),
        (sinusoid(512, 768, 1, True), "matches: tensor2tensor ("),
        (sinusoid(512, 768, 1, True).astype("<f2"), "matches: tensor2tensor ("),
        (sinusoid(514, 768)[2:], "matches: interleaved, from position 2 on ("),
        (0.02 * sinusoid(512, 768), "matches: interleaved, times 0.02 ("),
        (np.pad(sinusoid(64, 32), ((1, 0), (0, 0))), "matches: interleaved, behind 1 rows"),
    ],
)
def test_tables_as_others_make_them_are_recognized(tmp_path: Path, table: Array, told: str) -> None:
    code, said = check(tmp_path / "pe.npy", table, "sinusoid", "--d", str(table.shape[1]))
    assert code == 0 and said.startswith(told), said
    assert said.count("\n") == 1


@needs_build
def test_a_table_of_no_convention_is_told_its_nearest(tmp_path: Path) -> None:
    table = sinusoid(512, 64)
    table[300, 7] += 0.25
    code, said = check(tmp_path / "pe.npy", table, "sinusoid")
    assert code == 1
    assert said.startswith("no match; nearest: interleaved (largest difference 2.50e-01)")
    assert "row 300, column 7" in said


@needs_build
def test_other_encodings(tmp_path: Path) -> None:
    angle = np.arange(128)[:, None] * 1e4 ** (-np.arange(16) / 16)
    halves = np.concatenate([angle, angle], axis=1)
    tables = np.concatenate([np.cos(halves), np.sin(halves)], axis=1)
    assert check(tmp_path / "r.npy", tables, "rope", "--d", "32")[1].startswith("matches: halves (")
    pairs = np.repeat(angle, 2, axis=1)
    tables = np.concatenate([np.cos(pairs), np.sin(pairs)], axis=1)
    assert check(tmp_path / "r.npy", tables, "rope")[1].startswith("matches: pairs (")
    slopes = 2.0 ** -np.arange(1, 9)
    assert check(tmp_path / "s.npy", slopes, "alibi")[1].startswith("matches: get_slopes (")
    assert check(tmp_path / "s.npy", slopes[:, None], "alibi")[0] == 0


@needs_build
@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (sinusoid(8, 4).astype(">f4"), "big-endian"),
        (np.asfortranarray(sinusoid(8, 4)), "Fortran order"),
        (np.arange(8).reshape(2, 4), "holds '<i8'"),
        (sinusoid(8, 4)[None], "has 3 dimensions"),
        (np.full((2, 4), np.nan, "<f4"), "has nan in row 0"),
        (sinusoid(8, 4)[:, :3].copy(), "are odd"),
    ],
)
def test_tables_that_cannot_be_compared(tmp_path: Path, table: Array, problem: str) -> None:
    np.save(tmp_path / "pe.npy", table)
    assert problem in complaint("--check", tmp_path / "pe.npy", "--encoding", "sinusoid")


@needs_build
def test_the_way_out_of_a_refusal_works(tmp_path: Path) -> None:
    file = tmp_path / "pe.npy"
    a = np.asfortranarray(sinusoid(64, 8).astype(">f8"))
    np.save(file, a)
    message = complaint("--check", file, "--encoding", "sinusoid")
    exec(message[message.index("np.save(") :], {"np": np, "file": file, "a": a})
    assert conformance("--check", file, "--encoding", "sinusoid").returncode == 0


@needs_build
def test_bad_use(tmp_path: Path) -> None:
    assert "cannot read" in complaint("--check", tmp_path / "no.npy", "--encoding", "sinusoid")
    assert "it is a directory" in complaint("--check", tmp_path, "--encoding", "sinusoid")
    assert "--encoding is missing" in complaint("--check", "a.npy")
    assert "belong to --check" in complaint("--encoding", "sinusoid")
    assert "--json prints the table" in complaint("--json", "--check", "a.npy")
    assert "did you mean '--check'" in complaint("--chekc", "a.npy")
    np.save(tmp_path / "a.npy", sinusoid(4, 4))
    asked = ("--check", tmp_path / "a.npy", "--encoding")
    assert "did you mean 'alibi'" in complaint(*asked, "alibu")
    assert "--d must be at least 1" in complaint(*asked, "sinusoid", "--d", "0")
    assert "has 8 columns here, and this one has 4" in complaint(*asked, "sinusoid", "--d", "8")


@needs_build
def test_the_table_and_its_json_agree_and_repeat() -> None:
    told = conformance("--json")
    assert told.returncode == 0 and told.stdout == conformance("--json").stdout
    read = json.loads(told.stdout)
    assert read["schema"] == "posbench.conformance/1"
    printed = conformance().stdout
    for row in read["rows"]:
        assert row["encoding"] in printed and row["convention"] in printed
    paper = next(row for row in read["rows"] if row["convention"] == "interleaved")
    assert paper["permuted"] == pytest.approx(0.483, abs=5e-4)
    assert paper["error"] < 3e-8


# The report.


def row_of(encoding: str, convention: str, error: float | None, **more: Any) -> dict[str, Any]:
    row = {"encoding": encoding, "convention": convention, "used_by": "", "error": error}
    row |= {"compared": "table", "shape": "L 512", "neighbour": "halves", "difference": 2.0}
    return row | {"permuted": None} | more


def run_of(folder: Path, *rows: dict[str, Any]) -> Path:
    run = conftest.Writer(conftest.Truth()).write(folder)
    if rows:
        text = json.dumps({"schema": "posbench.conformance/1", "rows": rows})
        (run / "conformance.json").write_text(text)
    return run


def tables_of(*runs: Path) -> Any:
    evidence = load.load(runs)
    read = claims.read_claims()
    return make_tables(Context(evidence, read, claims.decide(read, evidence)))["conformance"]


def test_a_row_is_printed_as_the_run_has_it(tmp_path: Path) -> None:
    first = row_of("sinusoid", "concat", None, used_by="Transformer-XL", permuted=0.0)
    table = tables_of(run_of(tmp_path / "run", first, row_of("rope", "pairs", 3e-8)))
    assert [row[:3] for row in table.rows] == [
        ["sinusoid", "concat", "Transformer-XL"],
        ["rope", "pairs", ""],
    ]
    part = grid(table, Locale("en")).parts[0]
    printed = [[cell.text for cell in row] for row in part.rows]
    assert printed[0][5:] == ["–", "halves", "2.00", "0"]
    assert printed[1][5:] == ["3.00e-08", "halves", "2.00", "–"]
    assert table.csv().splitlines()[2] == "rope,pairs,,table,L 512,3e-08,halves,2,"


def test_of_several_runs_the_largest_error_counts(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path / str(i), row_of("rope", "pairs", error))
        for i, error in enumerate((None, 1e-8, 3e-8, 2e-8))
    ]
    (row,) = tables_of(*runs).rows
    assert row[5] == 3e-8


def test_a_run_without_the_file_says_so(tmp_path: Path) -> None:
    table = tables_of(run_of(tmp_path / "run"))
    assert table.rows == []
    assert "hold no conformance.json" in grid(table, Locale("en")).about


def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", row_of("rope", "pairs", 3e-8))
    file = run / "conformance.json"
    whole = file.read_text()
    file.write_text(whole[:50])
    with pytest.raises(ReportError, match="conformance.json is broken or cut short.*posbench run"):
        load.load([run])
    file.write_text(whole.replace("conformance/1", "conformance/2"))
    with pytest.raises(ReportError, match="not 'posbench.conformance/1'"):
        load.load([run])
    file.write_text(whole.replace('"neighbour"', '"neighbor"'))
    with pytest.raises(ReportError, match="lacks 'neighbour'"):
        load.load([run])
