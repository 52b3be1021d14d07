"""Tables of bytes and counts: what C5 rests on."""

from __future__ import annotations

from report.claims import parts_of
from report.records.memory_cost import MemoryEncoding, MemoryModel
from report.tables import Context, Row

CLAIM = "C5"
EXACT = (
    "parameter_bytes gradient_bytes optimizer_bytes table_bytes scratch_bytes activation_bytes "
    "total_bytes"
).split()


def model_shares(context: Context) -> list[Row]:
    """Counted parameters beside the published ones, largest model first."""
    parts = parts_of(CLAIM, context.rule(CLAIM)).values()
    published = {
        part["model"]: (part["published_position"], part["published_total"])
        for part in parts
        if "published_total" in part
    }
    rows: list[Row] = []
    for trial in context.evidence.of("memory_cost"):
        model = trial.result
        if isinstance(model, MemoryModel):
            name = str(trial.spec["arm"])
            counted = (model.position_parameters, model.total_parameters)
            agrees = "not_published"
            if name in published:
                agrees = "agrees" if published[name] == counted else "differs"
            share = 100 * counted[0] / counted[1]
            hidden, rest = int(trial.spec["hidden"]), counted[1] - counted[0]
            lengths = [length_at(percent, hidden, rest) for percent in (1, 5)]
            rows.append([name, *counted, share, *lengths, model.training_state_bytes, agrees])
    return sorted(rows, key=lambda row: -float(row[2]))


def length_at(percent: int, hidden: int, rest: int) -> int:
    """The first length at which a table of so many rows is more than that share of all parameters.

    rest: the model's other parameters.
    """
    return percent * rest // ((100 - percent) * hidden) + 1


def memory_encodings(context: Context) -> list[Row]:
    rows: list[Row] = []
    for trial in context.evidence.of("memory_cost"):
        memory = trial.result
        if isinstance(memory, MemoryEncoding):
            shape: Row = [str(trial.spec["arm"]), trial.spec["hidden"], trial.spec["length"]]
            exact: Row = [memory.exact.get(key, 0) for key in EXACT]
            measured: Row = [memory.allocated_bytes, memory.difference_bytes]
            measured += [memory.peak_rss_bytes, memory.explanation]
            rows.append([*shape, *exact, *measured])
    return sorted(rows, key=lambda row: [str(row[0]), *map(int, row[1:3])])
