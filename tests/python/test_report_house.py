"""Tables about the run itself."""

from dataclasses import replace

from conftest import Truth, edit_run, write

from report.load import load
from report.tables import Context
from report.tables.house import machine, missing, worst_steal


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


def test_builds_that_share_a_fact_are_named_together(tmp_path):
    hosts = ["0123456789ab", "ba9876543210", "ab0123456789", "cd0123456789"]
    runs = [
        write(tmp_path / host, Truth(studies=("parity",), seeds=2 + n, host=host))
        for n, host in enumerate(hosts)
    ]
    for n in (0, 2, 3):
        edit_run(runs[n], lambda run: run["hosts"][0].update(cores=64))
    cores = [row[0] for row in facts(*runs) if row[1] == "cores"]
    assert cores == ["1, 3–4", "2"]


def test_the_way_out_names_the_study_that_lacks_records(tmp_path):
    run = write(tmp_path / "run", Truth(studies=("parity",), seeds=2))
    command = "posbench run memory convergence --profile quick --out run"
    edit_run(run, lambda record: record.update(command=command))
    next((run / "trials").glob("*.json")).unlink()
    gaps = missing(Context(load([run]), {}, []))
    assert [gap[-1] for gap in gaps] == ["posbench run parity --profile quick --out run"]


def test_a_tick_of_the_clock_is_no_theft(tmp_path):
    run = load([write(tmp_path / "run", Truth(studies=("parity",), seeds=1))])
    trial = run.trials("parity")[0]
    brief = replace(trial, core_seconds=0.1, steal_share=0.75)
    assert worst_steal([brief]) == 0
    assert worst_steal([brief, replace(trial, core_seconds=60, steal_share=0.01)]) == 0.01
