"""The crossover map: where computing a row beats looking it up."""

from __future__ import annotations

import math
from typing import Any, Mapping

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from report import cost
from report.figures.style import INK, WIDTH
from report.tables import Context, Row
from report.tables.crossover import crossover as ratio_rows

# Orange computes and blue looks up, as in every chart; both darken with the winner's lead.
COMPUTING, LOOKUP = "#A84300", "#00558C"
SHADES = [COMPUTING, "#F0A878", "#FFFFFF", "#7DB6DC", LOOKUP]
COLOURS = LinearSegmentedColormap.from_list("lead", SHADES)
FULL = 4.0  # the factor at which a colour is full
DARK = 0.8  # of the way to that, where white is easier to read on it than black

Ratios = Mapping[tuple[int, int], Row]  # by length and hidden size


def crossover(context: Context) -> Any:
    """Time of best computation over best lookup by L and d, a panel for each state of the caches."""
    by_state: dict[str, dict[tuple[int, int], Row]] = {}
    for row in ratio_rows(context):
        by_state.setdefault(str(row[0]), {})[int(row[3]), int(row[2])] = row
    states = [state for state in cost.STATES if state in by_state]
    if not states:
        return None
    lengths, widths = (sorted({k[i] for s in states for k in by_state[s]}) for i in (0, 1))
    made = Figure(figsize=(WIDTH, 0.8 + (0.55 + 0.3 * len(widths)) * len(states)))
    panels = made.subplots(len(states), 1, squeeze=False, sharex=True)[:, 0]
    for axes, state in zip(panels, states):
        axes.set_title(state)
        draw_map(axes, by_state[state], lengths, widths)
    panels[-1].set_xlabel("length L, B = 1; numbers: best_computed / best_lookup")
    for x, text, shade in ((0.42, "■ computing wins", COMPUTING), (0.75, "■ lookup wins", LOOKUP)):
        panels[0].text(x, 1.03, text, color=shade, fontsize=8.5, transform=panels[0].transAxes)
    return made


def draw_map(axes: Any, ratios: Ratios, lengths: list[int], widths: list[int]) -> None:
    """Cells with their ratios; a line runs where the winner changes."""
    for (length, hidden), row in ratios.items():
        draw_cell(axes, lengths.index(length), widths.index(hidden), row)
    for (length, hidden), row in ratios.items():
        x, y = lengths.index(length), widths.index(hidden)
        if x + 1 < len(lengths) and differ(row, ratios.get((lengths[x + 1], hidden))):
            axes.plot([x + 0.5, x + 0.5], [y - 0.5, y + 0.5], **EDGE)
        if y + 1 < len(widths) and differ(row, ratios.get((length, widths[y + 1]))):
            axes.plot([x - 0.5, x + 0.5], [y + 0.5, y + 0.5], **EDGE)
    axes.set_xlim(-0.5, len(lengths) - 0.5)
    axes.set_ylim(-0.5, len(widths) - 0.5)
    axes.set_xticks(range(len(lengths)), [short(n) for n in lengths], fontsize=7.5)
    axes.set_yticks(range(len(widths)), [str(n) for n in widths])
    axes.tick_params(length=0)
    axes.set_ylabel("d")
    for side in axes.spines.values():
        side.set_visible(False)


EDGE: dict[str, Any] = {"color": INK, "linewidth": 1.8, "solid_capstyle": "projecting"}


def draw_cell(axes: Any, x: int, y: int, row: Row) -> None:
    ratio = float(row[4])
    lead = math.log(ratio) / math.log(FULL)
    shade = COLOURS(0.5 + 0.5 * max(-1.0, min(1.0, lead)))
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=shade, edgecolor="white", lw=0.6))
    ink = "white" if abs(lead) > DARK else INK
    text = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
    undecided = row[9] == "neither"
    style = {"ha": "center", "color": ink, "fontsize": 6.3}
    axes.text(x, y + (0.16 if undecided else 0), text, va="center", **style)
    if undecided:
        axes.text(x, y - 0.26, "≈", va="center", **style)


def differ(one: Row, other: Row | None) -> bool:
    """Do two neighbours have different winners, judged by the ratio alone?"""
    return other is not None and (float(one[4]) < 1) != (float(other[4]) < 1)


def short(length: int) -> str:
    return f"{length // 1024}k" if length >= 1024 and length % 1024 == 0 else str(length)
