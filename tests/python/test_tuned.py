"""bench/tuned.toml, from which studies take each arm's scales and rate, against the search's records."""

import tomllib
from pathlib import Path

import pytest

from report import tuned
from report.claims import parts_of, read_claims
from report.errors import ReportError
from report.load import load

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "bench" / "tuned.toml"
SEARCH = next((ROOT / "results").glob("*/search"))


def test_the_file_is_what_the_records_say():
    assert tuned.toml(load([SEARCH])) == FILE.read_text()


def test_margins_come_from_the_gaps_of_the_search():
    settings = {
        (setting["task"], setting["dataset"]): setting["setting"]
        for setting in tomllib.loads(tuned.STUDY.read_text())["setting"]
    }
    found = tomllib.loads(FILE.read_text())
    compared = [
        (f"{claim.id}.{name}", part)
        for claim in read_claims()
        for name, part in parts_of(claim.id, claim.rule).items()
        if "margin_share_of_gap" in part and "of" not in part
    ]
    assert len(compared) > 10
    for name, part in compared:
        setting = settings[part["task"], part["dataset"]]
        assert part["gap"] == found[setting]["gap"], name


def test_records_without_the_search_name_what_to_run():
    other = next((ROOT / "results").glob("*/engine"))
    with pytest.raises(ReportError, match="tuning_final on masked_lm.*posbench run tuning_final"):
        tuned.toml(load([other]))
