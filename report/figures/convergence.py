"""Charts of C7: when do language models find out about positions?"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from report.claims import parts_of
from report.figures.style import FAINT, colour, end_labels, figure
from report.pairs import result_of
from report.rules import contrast
from report.tables import Context


def convergence(context: Context) -> Any:
    """Learning curves of each setting; the line is the loss that counts as arrival."""
    found = []
    for name, part in parts_of("C7", context.rule("C7")).items():
        if part["kind"] == "steps":
            pairing = contrast.pairing_of(part, context.evidence)
            arms = (part["arm"], part["reference"])
            if pairing is not None and pairing.seeds(*arms):
                found.append((context.claim("C7").labels.get(name, name), part, pairing, arms))
    if not found:
        return None
    made, panels = figure(1.9 * len(found) + 0.3, len(found), sharex=True, sharey=True)
    for axes, (label, part, pairing, arms) in zip(panels, found):
        axes.set_title(label)
        axes.axhline(part["target"], color=FAINT, linewidth=1)
        ends = []
        for arm in arms:
            points: dict[int, list[float]] = defaultdict(list)
            for trial in pairing.arms[arm].values():
                curve = result_of(trial).curve
                axes.plot(
                    [p.step for p in curve],
                    [p.dev_loss for p in curve],
                    color=colour(arm),
                    linewidth=0.5,
                    alpha=0.35,
                )
                for p in curve:
                    points[p.step].append(p.dev_loss)
            x = sorted(points)
            y = [float(np.mean(points[step])) for step in x]
            axes.plot(x, y, color=colour(arm))
            ends.append((x[-1], y[-1], arm, colour(arm)))
        axes.set_ylabel("dev loss, nats")
        end_labels(axes, ends)
    panels[-1].set_xlabel("training step")
    return made
