"""Tables and goals of tasks, order diagnostics and reading, from records whose truth is known."""

import base64
import math

import conftest
import numpy as np
import pytest

from report import claims, goals, load, scores
from report.records import READERS
from report.fields import Fields
from report.tables import Context, make_tables

ARMS = {"learned": 0.90, "rope": 0.92, "none": 0.80}
ORDER_ARMS = {"learned": 0.99, "rope": 0.97, "none": 0.17}


def packed(bits):
    return base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()


def accuracy_result(score, metric="accuracy", theory=None, longer=()):
    """A training whose one test document has 1,000 units."""
    correct = round(1000 * score) if metric != "loss" else 500
    share = correct / 1000
    scored = {
        "loss": score if metric == "loss" else 1.0,
        "accuracy": share,
        "examples": 1000,
        "scores": {"accuracy": share, "chunk_f1": score},
    }
    return {
        "parameters": 10,
        "position_parameters": 2,
        "stopped": None,
        "curve": [],
        "split": 0,
        "weights": None,
        "vocabulary_digest": "x",
        "metric": metric,
        "theory": theory,
        "unseen_labels": {},
        "longer": [{**scored, "name": name} for name in longer],
        "dev": scored,
        "test": scored,
        "loss_by_position": [],
        "test_units": {
            "documents": [0],
            "units_per_document": [1000],
            "correct": packed([1] * correct + [0] * (1000 - correct)),
        },
    }


def fill(writer):
    theory = {"chance": 0.16, "allowed": ["learned", "rope"], "reason": "because"}
    for seed in (100, 101, 102):
        wobble = (seed - 101) / 1000
        for arm, score in ARMS.items():
            for dataset, metric in (("sst2", "accuracy"), ("conll2000_chunk", "chunk_f1")):
                spec = trial_spec("accuracy", arm, dataset, seed)
                writer.add("tasks", spec, accuracy_result(score + wobble, metric))
            spec = {
                **trial_spec("accuracy", arm, "brown_text_by_sentence", seed),
                "task": "masked_lm",
            }
            writer.add("tasks", spec, accuracy_result(5 - score + wobble, "loss"))
        spec = trial_spec("baseline", "majority", "sst2", seed)
        test = {"accuracy": 0.5, "examples": 9, "scores": {"accuracy": 0.5}}
        writer.add("baselines", spec, {"metric": "accuracy", "split": 0, "test": test})
        spec = trial_spec("reading_cost", "words", "sst2", seed)
        read = {
            "bytes": 10**6,
            "tokens": 1,
            "reading_s": [0.04, 9.0, 0.03],
            "tokenizing_s": [0.01],
        }
        writer.add("reading", spec, read)
    for arm, score in ORDER_ARMS.items():
        spec = trial_spec("accuracy", arm, "order_slot", 100)
        sides = ("test 1.25x", "test 1.5x", "test 2x")
        writer.add("order_diagnostics", spec, accuracy_result(score, theory=theory, longer=sides))


def trial_spec(harness, arm, dataset, seed):
    task = "tagging" if dataset == "conll2000_chunk" else "classification"
    return {"harness": harness, "arm": arm, "task": task, "dataset": dataset, "seed": seed}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    writer = conftest.Writer(conftest.Truth())
    fill(writer)
    return load.load([writer.write(tmp_path_factory.mktemp("tasks") / "run")])


def rows_of(evidence, table):
    read = claims.read_claims()
    made = make_tables(Context(evidence, read, claims.decide(read, evidence)))[table]
    return [dict(zip(made.columns, row)) for row in made.rows]


def test_tasks_are_listed_with_their_headline_and_what_positions_are_worth(evidence):
    rows = rows_of(evidence, "task_scores")
    sst2 = [r for r in rows if r["dataset"] == "sst2"]
    assert [r["arm"] for r in sst2] == ["rope", "learned", "none", "majority"]
    assert [round(r["score"], 6) for r in sst2] == [92, 90, 80, 50]
    assert sst2[2]["behind"] == pytest.approx(12) and sst2[2]["positions"] == "matter"
    assert sst2[3]["positions"] == "baseline"
    # Student's 95 % interval of three seeds that are 0.1 points apart.
    assert sst2[0]["score_high"] - 92 == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-5)
    losses = [r for r in rows if r["dataset"] == "brown_text_by_sentence"]
    assert [r["arm"] for r in losses] == ["rope", "learned", "none"]
    assert losses[0]["score"] == pytest.approx(4.08) and losses[2]["behind"] == pytest.approx(0.12)


def test_the_gate_is_open_below_two_seeds_and_closed_where_none_is_as_good(evidence):
    contest = next(c for c in scores.contests(evidence, ("tasks",)) if c.dataset == "sst2")
    assert contest.depends_on_positions() is True
    one = {arm: {100: seeds[100]} for arm, seeds in contest.arms.items()}
    few = scores.Contest("tasks", "classification", "sst2", "accuracy", one, {})
    assert few.depends_on_positions() is None
    alike = {**contest.arms, "none": contest.arms["learned"], "rope": contest.arms["learned"]}
    same = scores.Contest("tasks", "classification", "sst2", "accuracy", alike, {})
    assert same.depends_on_positions() is False


def test_order_is_listed_against_chance_and_theory(evidence):
    rows = rows_of(evidence, "order_scores")
    assert [(r["arm"], r["allowed"]) for r in rows] == [
        ("learned", "yes"),
        ("rope", "yes"),
        ("none", "no"),
    ]
    assert rows[0]["chance"] == 16 and rows[1]["trained"] == pytest.approx(97)
    assert rows[1]["longer_200"] == pytest.approx(97)


def test_goals_are_measured(evidence):
    found = {
        row[0]: row for row in goals.rows(goals.read_goals(goals.FOLDER / "tasks.toml"), evidence)
    }
    assert found["sst2"][3] == "0.92" and found["sst2"][-1] == "yes"
    assert found["conll2000_chunk"][3] == "0.92"
    assert found["masked_lm"][3] == "4.08" and found["masked_lm"][-1] == "yes"
    assert found["wordnet_gloss"][3] == "" and found["wordnet_gloss"][-1] == "no"
    assert found["order_slot"][3] == "0.97" and found["order_slot_none"][3] == "0.01"
    assert found["reading_sst2"][3] == "20" and found["reading_sst2"][-1] == "yes"


def test_a_headline_without_its_score_is_refused():
    result = accuracy_result(0.5)
    result["metric"] = "f1"
    fields = Fields(result, "a.json", "delete it")
    with pytest.raises(Exception, match="has no test score 'f1', its own headline"):
        READERS["accuracy"](fields, fields)
