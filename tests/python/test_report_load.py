"""What the report refuses to read or to mix, and that it says which file and what to do."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from conftest import Truth, edit_run, write

from report import claims, cost
from report.errors import ReportError
from report.load import load
from report.pairs import pairing
from report.tables import Context, make_tables

ROOT = Path(__file__).parent.parent.parent

FEW = {"seeds": 2, "processes": 1, "blocks": 5, "hidden": (128,), "lengths": (128,)}
COST = {**FEW, "studies": ("encoding_cost",)}
SCORES = {**FEW, "studies": ("parity",)}


def first_trial(run):
    return sorted((run / "trials").glob("*.json"))[0]


def edit_trial(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def refusal(*runs):
    with pytest.raises(ReportError) as caught:
        load(runs)
    return str(caught.value)


def test_a_folder_that_is_no_run(tmp_path):
    assert "holds no run.json" in refusal(tmp_path)


def pack(run):
    """As results/README.md says."""
    with tarfile.open(run / "trials.tar.xz", "w:xz") as archive:
        archive.add(run / "trials", "trials")
    shutil.rmtree(run / "trials")


def test_packed_trials_are_read_as_they_were(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    before = load([run])
    pack(run)
    after = load([run])
    assert [t.id for t in after.trials("parity")] == [t.id for t in before.trials("parity")]
    assert after.trials("parity")[0].path == before.trials("parity")[0].path


def test_a_damaged_archive_is_named(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    pack(run)
    archive = run / "trials.tar.xz"
    archive.write_bytes(archive.read_bytes()[:-200])
    assert str(archive) in refusal(run)


def test_a_record_cut_short_is_named_with_the_way_out(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    path = first_trial(run)
    path.write_text(path.read_text()[:200])
    message = refusal(run)
    assert str(path) in message and "cut short" in message and "posbench run" in message


def test_a_missing_field_is_named(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    path = first_trial(run)
    edit_trial(path, lambda record: record["result"].pop("test_units"))
    message = refusal(run)
    assert str(path) in message and "test_units" in message


def test_bits_that_contradict_the_accuracy(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    edit_trial(first_trial(run), lambda r: r["result"]["test"].update(accuracy=0.123))
    assert "correctness bits" in refusal(run)


def test_a_file_that_holds_another_trial(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    one, other = sorted((run / "trials").iterdir())[:2]
    shutil.copy(one, other)
    assert "holds the record of trial" in refusal(run)


def test_times_of_two_hosts_are_not_mixed(tmp_path):
    one = write(tmp_path / "one", Truth(**COST))
    other = write(tmp_path / "other", Truth(**{**COST, "processes": 2}, host="ba9876543210"))
    message = refusal(one, other)
    assert "different hosts or builds" in message
    assert "0123456789ab" in message and "ba9876543210" in message


def test_times_of_two_builds_of_one_host_are_not_mixed(tmp_path):
    one = write(tmp_path / "one", Truth(**COST))
    other = write(tmp_path / "other", Truth(**{**COST, "processes": 2}, commit="b" * 40))
    edit_run(other, lambda run: run["studies"][0]["trials"].sort())
    for path in (one / "trials").iterdir():
        (other / "trials" / path.name).unlink()
    assert "different hosts or builds" in refusal(one, other)


def test_scores_of_two_hosts_mix_while_the_engines_agree(tmp_path):
    one = write(tmp_path / "one", Truth(**SCORES))
    other = write(tmp_path / "other", Truth(**{**SCORES, "seeds": 3}, host="ba9876543210"))
    evidence = load([one, other])
    assert {t.seed for t in evidence.trials("parity")} == {100, 101, 102}
    assert set(evidence.hosts) == {"0123456789ab", "ba9876543210"}


def test_scores_of_engines_that_differ_are_not_mixed(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    edit_trial(first_trial(run), lambda record: record.update(fingerprint="e" * 64))
    message = refusal(run)
    assert "compute differently" in message and "eeeeeeeeeeee" in message


def test_runs_that_locked_different_rules(tmp_path):
    one = write(tmp_path / "one", Truth(**SCORES))
    other = write(tmp_path / "other", Truth(**SCORES))
    edit_run(other, lambda run: run["rules"]["C1"].update(alpha=0.5))
    assert "locked different rules for C1" in refusal(one, other)


def test_a_run_without_the_study_has_no_say_in_the_rule(tmp_path):
    """The tuning run is older than the margin that it fixed."""
    one = write(tmp_path / "one", Truth(**SCORES))
    tuning = write(tmp_path / "tuning", Truth(**SCORES))

    def turn_into_tuning(run):
        run["rules"]["C1"]["alpha"] = 0.5
        run["studies"] = [{**s, "id": "tuning"} for s in run["studies"] if s["id"] == "parity"]

    edit_run(tuning, turn_into_tuning)
    for runs in ([one, tuning], [tuning, one]):
        assert load(runs).rules["C1"]["alpha"] == 0.05


def test_absent_records_are_gaps_and_no_error(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    path = first_trial(run)
    path.unlink()
    (gap,) = load([run]).runs[0].gaps
    assert gap.kind == "absent" and gap.what == path.name[:12] and "posbench run" in gap.way_out


def test_a_training_that_broke_off_is_told_of_where_its_pair_is_missing(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    where = {"task": "tagging"}
    arms = ("learned", "sinusoid")
    before = pairing(load([run]), "parity", 100, where, arms)
    trial = before.arms["learned"][before.seeds(*arms)[0]]
    record = json.loads(trial.path.read_text())
    record["result"]["stopped"] = {"step": 7, "reason": "the loss is not finite"}
    for side in ("dev", "test", "test_units"):
        del record["result"][side]
    trial.path.write_text(json.dumps(record))
    after = pairing(load([run]), "parity", 100, where, arms)
    assert len(after.seeds(*arms)) == len(before.seeds(*arms)) - 1
    assert before.marks(*arms) == () and after.marks(*arms) == ("broken_off",)
    assert after.marks("none") == ()


COMMITTED = sorted(file.parent for file in (ROOT / "results").glob("*/*/run.json"))


@pytest.mark.parametrize("run", COMMITTED, ids=lambda run: "/".join(run.parts[-2:]))
def test_every_committed_run_is_still_decided_and_tabled(run):
    """Their rules were locked by older versions, with keys that today's may lack or add."""
    evidence, read = load([run]), claims.read_claims()
    context = Context(evidence, read, claims.decide(read, evidence))
    assert {v.claim for v in context.verdicts} == {f"C{i}" for i in range(1, 10)}
    assert make_tables(context)["verdicts"].rows


def test_records_that_no_study_lists_are_not_read(tmp_path):
    run = write(tmp_path / "run", Truth(**COST))
    stray = run / "trials" / ("e" * 64 + ".json")
    stray.write_text("left by another build")
    (gap,) = load([run]).runs[0].gaps
    assert gap.kind == "stray" and gap.count == 1


def test_missing_data_names_the_command_that_fetches_it(tmp_path):
    run = write(tmp_path / "run", Truth(**SCORES))
    missing = {"dataset": "brown_pos", "command": "posbench data fetch brown_pos", "trials": 6}
    edit_run(run, lambda r: r["missing_data"].append(missing))
    (gap,) = load([run]).runs[0].gaps
    assert gap.way_out == "posbench data fetch brown_pos" and gap.count == 6


def test_times_of_an_undescribed_host(tmp_path):
    run = write(tmp_path / "run", Truth(**COST))
    edit_run(run, lambda r: r["hosts"].clear())
    assert "which run.json does not describe" in refusal(run)


def test_a_record_from_before_arms_had_limits_is_read(tmp_path):
    """Canonical runs of the first release stay readable; they only say nothing of the limit."""
    run = write(tmp_path / "run", Truth(**COST))
    for path in (run / "trials").iterdir():
        edit_trial(path, forget_limits)
    evidence = load([run])
    (cell, *_), (processes, *_) = zip(*cost.cells(evidence).items())
    assert (cell.isa, cell.threads) == ("native", 1)
    assert processes[0].bytes == {} and "learned_slice" in processes[0].arms


def forget_limits(record):
    del record["isa"]
    for key in ("threads", "bytes", "stream", "working_set_bytes", "chosen", "rule"):
        del record["result"][key]


def test_a_limit_without_bytes_is_refused(tmp_path):
    run = write(tmp_path / "run", Truth(**COST))

    def no_bytes(record):
        record["result"]["stream"] = {"simd": "copy"}
        record["result"]["bytes"]["simd"] = 0

    edit_trial(first_trial(run), no_bytes)
    assert "gives 'simd' the limit 'copy', but not the bytes of both" in refusal(run)


def test_what_this_machine_cannot_do_is_a_gap(tmp_path):
    run = write(tmp_path / "run", Truth(**COST))
    entry = {
        "what": "avx512",
        "study": "encoding_tiers",
        "trials": 6,
        "reason": "this CPU has avx2",
    }
    edit_run(run, lambda r: r["unavailable"].append(entry))
    (gap,) = load([run]).runs[0].gaps
    assert (gap.kind, gap.what, gap.count, gap.why) == ("unavailable", "avx512", 6, entry["reason"])
