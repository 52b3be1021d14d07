"""The written report: complete, self-contained, the same byte for byte, and honest on the page."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import Truth, edit_run, write

from report import claims, load, render
from report.__main__ import main
from report.tables import Context, make_tables
from report.text import Locale

ROOT = Path(__file__).parents[2]
LISTED = tomllib.loads((ROOT / "report" / "tables.toml").read_text())["table"]
FEW = {"seeds": 1, "processes": 1, "blocks": 5, "hidden": (128,), "lengths": (128,)}


def context_of(*runs):
    evidence = load.load(runs)
    read = claims.read_claims()
    return Context(evidence, read, claims.decide(read, evidence))


def page_of(*runs):
    context = context_of(*runs)
    return render.page(context, make_tables(context), Locale("en"))


@pytest.fixture
def no_charts(monkeypatch):
    """Charts and PDF take most of the time, and these tests look at words."""
    monkeypatch.setattr(render.figures, "draw", lambda name, context, prefix: [])
    monkeypatch.setattr(render, "pdf", lambda html, context: b"")


def files_below(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_records_give_the_same_bytes(small_run, small_report, tmp_path):
    """In another process, with another hash seed, another clock zone and another folder."""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    environment.pop("SOURCE_DATE_EPOCH", None)
    command = [sys.executable, "-m", "report", str(small_run), "--out", str(tmp_path / "again")]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert files_below(tmp_path / "again") == files_below(small_report)


def test_every_listed_table_is_written_and_shown(small_report):
    page = (small_report / "index.html").read_text()
    for table in LISTED:
        file = small_report / "tables" / f"{table['id']}.csv"
        assert file.read_text().splitlines()[0] == ",".join(table["columns"])
        assert f"tables/{table['id']}.csv" in page
        assert table["id"] == "verdicts" or f'id="table-{table["id"]}"' in page
    assert len(list((small_report / "tables").iterdir())) == len(LISTED)


def test_the_readme_prints_what_the_records_behind_it_say():
    """Its command names the records; its table is the report's, byte for byte."""
    readme = (ROOT / "README.md").read_text()
    (runs,) = re.findall(r"posbench report ((?:results/\S+ )+)--out", readme)
    assert render.nine(context_of(*(ROOT / run for run in runs.split())), Locale("en")) in readme


def test_the_nine_verdicts_have_a_row_each(small_report):
    lines = (small_report / "verdicts.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| C{i}" for i in range(1, 10)]


def test_verdicts_csv_has_the_agreed_columns(small_report):
    with (small_report / "verdicts.csv").open() as file:
        rows = list(csv.DictReader(file))
    agreed = "claim setting verdict effect low high level margin unit n p_holm rule_digest relation marks"
    assert list(rows[0]) == agreed.split()
    by_claim = {row["claim"]: row for row in rows}
    assert {claim.split(".")[0] for claim in by_claim} == {f"C{i}" for i in range(1, 10)}
    base = by_claim["C5.share_bert_base"]
    assert base["low"] == base["high"] == base["effect"] and base["n"] == "0"
    assert all(re.fullmatch("[0-9a-f]{64}", row["rule_digest"]) for row in rows)


def test_the_first_screen_has_a_sentence_for_each_claim(small_report):
    page = (small_report / "index.html").read_text()
    screen = re.search(r'<ol class="nine">(.*?)</ol>', page, re.DOTALL)[1]
    lines = re.findall(r"<li>(.*?)</li>", screen, re.DOTALL)
    assert [re.search("#(C[0-9])", line)[1] for line in lines] == [f"C{i}" for i in range(1, 10)]
    assert re.search("0.359 %.*SUPPORTED.*BERT-base.*CONTRADICTED.*BERT-tiny", lines[4], re.DOTALL)
    assert "Not measured in these runs." in lines[8]


def test_the_page_needs_no_network(small_report):
    page = (small_report / "index.html").read_text()
    assert not re.search(r"<(script|link|iframe|img|object|embed)\b", page)
    assert not re.search(r"@import|\bsrc=", page)
    for target in re.findall(r"url\(([^)]*)\)", page):
        assert target.strip("\"'").startswith(("data:", "#"))
    for target in re.findall(r'<(?:use|image)[^>]*href="([^"]*)"', page):
        assert target.startswith("#")


def test_ids_are_unique_and_every_reference_has_its_target(small_report):
    page = (small_report / "index.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    assert set(targets) <= set(ids)


def test_the_pdf_is_one_and_dated_by_the_records(small_report):
    pdf = (small_report / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert set(re.findall(rb"Date \(D:(\d{8})", pdf)) <= {b"20261122"}


def test_text_from_records_is_escaped(small_run, tmp_path, no_charts):
    run = shutil.copytree(small_run, tmp_path / "run")
    attack = "<script>alert('x')</script>"
    edit_run(run, lambda r: r["datasets"]["brown_pos"].update(citation=attack))
    edit_run(run, lambda r: r["hosts"][0].update(cpu_model=attack))
    failed = {"id": "f" * 64, "study": "parity", "reason": attack}
    edit_run(run, lambda r: r["failed"].append(failed))
    page = page_of(run)
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_changed_rule_is_announced(small_run, tmp_path, no_charts):
    run = shutil.copytree(small_run, tmp_path / "run")
    assert "rule changed after the numbers" not in section_of(page_of(run), "C5")
    edit_run(run, lambda r: r["rules"]["C5"].update(margin=0.3))
    assert "rule changed after the numbers" in section_of(page_of(run), "C5")


def section_of(page, claim):
    return page.partition(f'<section id="{claim}"')[2].partition("</section>")[0]


@pytest.mark.parametrize("study", ["parity", "encoding_cost", "encoder_cost", "memory"])
def test_a_run_of_one_study_still_holds_every_table(tmp_path, study):
    page = page_of(write(tmp_path / "run", Truth(**FEW, studies=(study,))))
    for table in LISTED:
        assert f"tables/{table['id']}.csv" in page
    assert Locale("en")("report.empty") in page


def test_a_run_without_any_record(tmp_path):
    page = page_of(write(tmp_path / "run", Truth(studies=())))
    assert "There are no timing records" in page and "nothing here speaks about scores" in page


def test_one_task_alone_where_a_data_set_is_missing(tmp_path):
    run = write(tmp_path / "run", Truth(**FEW, tasks=("classification",), studies=("parity",)))
    missing = {"dataset": "brown_pos", "command": "posbench data fetch brown_pos", "trials": 6}
    edit_run(run, lambda r: r["missing_data"].append(missing))
    assert "posbench data fetch brown_pos" in page_of(run)


def test_every_string_that_code_and_claims_name_is_in_the_locale():
    locale = Locale("en")
    for table in LISTED:
        for column in table["columns"]:
            assert locale.find(f"columns.{column}") or column.endswith(("low", "high")), column
    for claim in claims.read_claims():
        for chart in claim.charts:
            assert locale.find(f"charts.{chart}"), chart
    sources = "".join(p.read_text() for p in (ROOT / "report" / "rules").glob("*.py"))
    for reason in re.findall(r'reason = .*?"(\w+)"', sources):
        assert locale.find(f"reason.{reason}"), reason


def test_the_terminal_shows_verdicts_and_path(small_run, tmp_path, capsys, no_charts):
    assert main([str(small_run), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "C5.share_bert_base" in said and "UNDECIDED" in said
    assert said.rstrip().endswith(str(tmp_path / "out" / "index.html"))


def test_refusals_go_to_stderr_with_status_2(tmp_path, capsys):
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.out == ""
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(small_run, tmp_path, capsys, no_charts):
    (tmp_path / "file").write_text("in the way")
    assert main([str(small_run), "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot write the report" in capsys.readouterr().err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0 and "examples:" in capsys.readouterr().out


def test_tables_agree_with_verdicts(small_run):
    context = context_of(small_run)
    tables = make_tables(context)
    pairs = tables["parity_pairs"]
    tagging = [row for row in pairs.rows if row[0] == "tagging"]
    difference = [row[pairs.columns.index("difference")] for row in tagging]
    effect = next(v.finding.effect for v in context.verdicts if v.id == "C1.tagging_pos")
    assert sum(difference) / len(difference) == pytest.approx(effect)
    assert (
        json.dumps(tables["gate"].column("gate")) == '["gate_open_question", "gate_open_question"]'
    )
    states = tables["cost_hot"].rows, tables["cost_in_model"].rows, tables["cost_dram_cold"].rows
    assert len({len(rows) for rows in states}) == 1 and states[0]
