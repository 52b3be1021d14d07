"""Charts of C7: when do language models find out about positions?"""

from __future__ import annotations

from typing import Any

from report.claims import parts_of
from report.figures.curves import draw_curves
from report.figures.style import FAINT, end_labels, figure, pages
from report.rules import steps
from report.tables import Context


def convergence(context: Context) -> Any:
    """Learning curves of each setting; the lines are the losses that count as arrival."""
    every = steps.races(parts_of("C7", context.rule("C7")), context.evidence)
    found = [race for race in every if race.pairing.seeds(race.arm, race.reference)]
    if not found:
        return None
    return [panels(context, races) for races in pages(found)]


def panels(context: Context, races: list[steps.Race]) -> Any:
    made, below = figure(1.9 * len(races) + 0.3, len(races), sharex=True)
    for axes, race in zip(below, races):
        axes.set_title(context.claim("C7").labels.get(race.name, race.name))
        for loss in race.losses:
            axes.axhline(loss, color=FAINT, linewidth=1)
        ends: list[Any] = []
        for arm in (race.arm, race.reference, *({"none"} & race.pairing.arms.keys())):
            trials = race.pairing.arms[arm].values()
            curve = draw_curves(axes, arm, trials, lambda p: p.dev_loss)
            encoding = str(next(iter(trials)).spec["encoding"])  # the title says what else it is
            ends += [(x, y, encoding, shade) for x, y, _, shade in curve]
        axes.set_ylabel("dev loss, nats")
        end_labels(axes, ends)
    below[-1].set_xlabel("training step")
    return made
