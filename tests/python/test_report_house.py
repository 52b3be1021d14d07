"""Tables about the run itself."""

from conftest import Truth, write

from report.load import load
from report.tables import Context
from report.tables.house import machine


def facts(*runs):
    return machine(Context(load(list(runs)), {}, []))


def test_facts_that_two_machines_share_stand_once(tmp_path):
    one = write(tmp_path / "one", Truth(studies=("parity",), seeds=1))
    other = write(tmp_path / "other", Truth(studies=("parity",), seeds=2, host="ba9876543210"))
    alone, both = facts(one), facts(one, other)
    assert {build for build, _, _ in alone} == {""}
    assert [row for row in both if row[0] != "all"] == [
        ["1", "id", "0123456789ab"],
        ["2", "id", "ba9876543210"],
    ]
    assert [row[1:] for row in both if row[0] == "all"] == [r[1:] for r in alone if r[1] != "id"]
