"""Charts of encoders that start from others."""

from __future__ import annotations

import math
from typing import Any

from report.figures.style import FAINT, colour, figure, note
from report.pairs import LOSS
from report.tables import Context, Row
from report.tables.domain import domain_scores, pretraining_scores


def domain_gains(context: Context) -> Any:
    """Scores before and after fine-tuning on another domain."""
    return dots(domain_scores(context))


def pretraining(context: Context) -> Any:
    """Scores after fine-tuning and from scratch."""
    return dots(pretraining_scores(context))


def dots(rows: list[Row]) -> Any:
    """Score and interval of each arm, one panel a setting."""
    settings = list(dict.fromkeys((str(r[0]), str(r[1])) for r in rows))
    if not settings:
        return None
    groups = [[r for r in rows if (r[0], r[1]) == s] for s in settings]
    heights = [len(group) + 1 for group in groups]
    made, panels = figure(
        0.5 * len(groups) + 0.21 * sum(heights), len(groups), gridspec_kw={"height_ratios": heights}
    )
    for axes, setting, group in zip(panels, settings, groups):
        axes.set_title(", ".join(setting))
        for y, row in enumerate(reversed(group)):
            shade = colour(str(row[2]))
            score, low, high = (float(v) for v in row[5:8])
            axes.axhline(y, color=FAINT, linewidth=0.4, zorder=0)
            if math.isfinite(low):
                axes.plot([low, high], [y, y], color=shade, linewidth=2)
            axes.plot(score, y, "o", color=shade, markersize=4)
            end = high if math.isfinite(high) else score
            note(axes, f"{score:.3f}" if group[0][4] == LOSS else f"{score:.1f}", (end, y), (6, 0))
        axes.set_yticks(range(len(group)), [str(r[2]) for r in reversed(group)], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.15)
        axes.set_xlabel("test loss, nats" if group[0][4] == LOSS else f"{group[0][4]}, %")
    return made
