"""Charts of C7: when do language models find out about positions?"""

from __future__ import annotations

from typing import Any

from report.claims import parts_of
from report.figures.curves import draw_curves
from report.figures.style import FAINT, end_labels, figure
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
        ends: list[Any] = []
        for arm in (*arms, *({"none"} & pairing.arms.keys())):
            trials = pairing.arms[arm].values()
            ends += draw_curves(axes, arm, trials, lambda p: p.dev_loss)
        axes.set_ylabel("dev loss, nats")
        end_labels(axes, ends)
    panels[-1].set_xlabel("training step")
    return made
