"""How well the rules of the `best` arms choose."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Iterator, NamedTuple, Sequence

from report import cost
from report.arms import in_kind, is_best, rank
from report.records.encoding_cost import EncodingCost
from report.statistics import Estimate
from report.tables import Context, Row
from report.tables.cost import bounds

STUDIES = (cost.MAIN, "encoding_variants")  # where single arms run beside the best


class Choice(NamedTuple):
    """What a `best` arm ran in a cell, and what that cost against the fastest arm of its kind."""

    cell: cost.Cell
    arm: str
    kernel: str
    fastest: list[str]  # chosen for each process in the others
    regret: Estimate  # log of time of the best arm over that of the fastest


def choices(context: Context) -> Iterator[Choice]:
    """Every cell in which a `best` arm ran beside several arms that it could have chosen."""
    cells = (item for study in STUDIES for item in cost.cells(context.evidence, study).items())
    for cell, processes in cells:
        present = cost.arms_of(processes)
        for arm in filter(is_best, present):
            kind = [name for name in present if in_kind(name, arm)]
            label = f"fastest {cell!r} {arm}"
            found = cost.best_ratio(processes, kind, arm, label) if len(kind) > 1 else None
            if found is not None:
                ahead, fastest = found
                regret = Estimate(-ahead.effect, ahead.se, ahead.df, ahead.n)
                yield Choice(cell, arm, kernel(processes, arm), fastest, regret)


def best_rule(context: Context) -> list[Row]:
    """Each rule with what it chose how often and what its choices cost."""
    found: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    for choice in choices(context):
        found[choice.arm, choice.cell.state].append(choice)
    unsaid = rules(context)
    rows: list[Row] = []
    for arm, state in sorted(found, key=lambda k: (rank(k[0]), cost.STATES.index(k[1]))):
        made = found[arm, state]
        regret = cost.summary([c.regret for c in made])
        kernels = Counter(c.kernel for c in made)
        chose = ", ".join(f"{name} {count}" for name, count in kernels.most_common())
        numbers = [*bounds(regret.log_ratio), regret.most]
        rows.append([arm, unsaid.pop(arm, ""), state, regret.cells, chose, *numbers])
    return rows


def rules(context: Context) -> dict[str, str]:
    """The sentence of each `best` arm, as its records state it."""
    found: dict[str, str] = {}
    for processes in cost.all_cells(context.evidence).values():
        for process in processes:
            found.update(process.rule)
    return found


def best_choices(context: Context) -> list[Row]:
    """Cell by cell: what was chosen, what was fastest, and the ratio between them."""
    rows: list[Row] = []
    for c in choices(context):
        place: Row = [c.cell.study, c.cell.state, c.cell.hidden, c.cell.length, c.cell.batch]
        fastest = ", ".join(sorted(set(c.fastest)))
        rows.append([*place, c.arm, c.kernel, fastest, *bounds(c.regret)])
    return rows


def kernel(processes: Sequence[EncodingCost], arm: str) -> str:
    """Which kernel a `best` arm ran in a cell; its rule knows the shape alone, so it is one."""
    return ", ".join(sorted({p.chosen[arm] for p in processes if arm in p.chosen}))
