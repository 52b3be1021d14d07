"""The limitations that the records themselves give away."""

from __future__ import annotations

from report import cost
from report.rules import NO_STUDY
from report.tables import Context
from report.tables.accuracy import comparisons
from report.text import Locale

NOTICEABLE_STEAL = 0.005


def limits(context: Context, locale: Locale) -> list[str]:
    """Sentences, worst first: what these runs lack, then what every run of posbench lacks."""
    return [*from_records(context, locale), *locale.strings["limits"]["always"]]


def from_records(context: Context, locale: Locale) -> list[str]:
    evidence = context.evidence
    said = []
    absent = sum(gap.count for run in evidence.runs for gap in run.gaps if gap.kind != "stray")
    if absent:
        said.append(locale("limits.missing", count=absent))
    said += of_scores(context, locale) + of_times(context, locale)
    open_claims = sum(v.finding.verdict == NO_STUDY for v in context.verdicts)
    if open_claims:
        said.append(locale("limits.no_study", open=open_claims, all=len(context.claims)))
    for profile in sorted({run.profile for run in evidence.runs} & {"smoke", "quick"}):
        said.append(locale("limits.profile", profile=profile))
    for host in evidence.hosts.values():
        if host.facts.get("dirty"):
            said.append(locale("limits.dirty", commit=str(host.facts.get("commit"))[:12]))
    if any(h.facts.get("governor") in (None, "", "unknown") for h in evidence.hosts.values()):
        said.append(locale("limits.governor"))
    trials = [t for study in evidence.by_study.values() for t in study]
    steal = max((t.steal_share for t in trials), default=0.0)
    if steal > NOTICEABLE_STEAL:
        said.append(locale("limits.steal", percent=100 * steal))
    return list(dict.fromkeys(said))


def of_scores(context: Context, locale: Locale) -> list[str]:
    found = comparisons(context)
    if not found:
        return [locale("limits.no_parity")]
    fewest = min(len(p.seeds(part["arm"], part["reference"])) for part, p in found)
    least = found[0][0]["min_seeds"]
    return [locale("limits.few_seeds", n=fewest, least=least)] if fewest < least else []


def of_times(context: Context, locale: Locale) -> list[str]:
    processes = [len(p) for p in cost.cells(context.evidence).values()]
    if not processes:
        return [locale("limits.no_cost")]
    said = []
    cells = [result for found in cost.cells(context.evidence).values() for result in found]
    blocks = [len(timing.block) for result in cells for timing in result.arms.values()]
    if min(blocks) < max(blocks):
        said.append(locale("limits.few_blocks", n=min(blocks), most=max(blocks)))
    least = context.rule("C2")["min_seeds"]
    if min(processes) < least:
        said.append(locale("limits.few_processes", n=min(processes), least=least))
    return said
