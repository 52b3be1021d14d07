"""Charts of C7: when do language models find out about positions?"""

from __future__ import annotations

from typing import Any

from report.claims import parts_of
from report.figures.curves import draw_curves
from report.figures.style import FAINT, end_labels, figure
from report.rules import steps
from report.tables import Context


def convergence(context: Context) -> Any:
    """Learning curves of each setting; the lines are the losses that count as arrival."""
    every = steps.races(parts_of("C7", context.rule("C7")), context.evidence)
    found = [race for race in every if race.pairing.seeds(race.arm, race.reference)]
    if not found:
        return None
    made, panels = figure(1.9 * len(found) + 0.3, len(found), sharex=True, sharey=True)
    for axes, race in zip(panels, found):
        axes.set_title(context.claim("C7").labels.get(race.name, race.name))
        for loss in race.losses:
            axes.axhline(loss, color=FAINT, linewidth=1)
        ends: list[Any] = []
        for arm in (race.arm, race.reference, *({"none"} & race.pairing.arms.keys())):
            trials = race.pairing.arms[arm].values()
            ends += draw_curves(axes, arm, trials, lambda p: p.dev_loss)
        axes.set_ylabel("dev loss, nats")
        end_labels(axes, ends)
    panels[-1].set_xlabel("training step")
    return made
