"""The limitations that the records themselves give away."""

from __future__ import annotations

from report import cost
from report.tables import Context, variants
from report.tables.accuracy import comparisons
from report.tables.house import worst_steal
from report.text import Locale

NOTICEABLE_STEAL = 0.005


def limits(context: Context, locale: Locale) -> list[str]:
    """Sentences, worst first: what these runs lack, then what every run of posbench lacks."""
    return [*from_records(context, locale), *locale.strings["limits"]["always"]]


def from_records(context: Context, locale: Locale) -> list[str]:
    evidence = context.evidence
    said = []
    gaps = [gap for run in evidence.runs for gap in run.gaps]
    planned = {i for run in evidence.runs for ids in run.studies.values() for i in ids}
    absent = len(planned - {i for run in evidence.runs for i in run.trials})
    absent += sum(gap.count for gap in gaps if gap.kind == "data")
    if absent:
        said.append(locale("limits.missing", count=absent))
    lacking = sorted({f"{gap.what} ({gap.study})" for gap in gaps if gap.kind == "unavailable"})
    if lacking:
        said.append(locale("limits.unavailable", what=", ".join(lacking)))
    said += of_scores(context, locale) + of_times(context, locale) + of_machine(context, locale)
    for profile in sorted({run.profile for run in evidence.runs} & {"smoke", "quick"}):
        said.append(locale("limits.profile", profile=profile))
    for host in evidence.hosts.values():
        if host.facts.get("dirty"):
            said.append(locale("limits.dirty", commit=str(host.facts.get("commit"))[:12]))
    if any(h.facts.get("governor") in (None, "", "unknown") for h in evidence.hosts.values()):
        said.append(locale("limits.governor"))
    trials = [t for study in evidence.by_study.values() for t in study]
    steal = worst_steal(trials)
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
    cells = cost.all_cells(context.evidence)
    if not cells:
        return [locale("limits.no_cost")]
    said = []
    results = [result for found in cells.values() for result in found]
    blocks = [len(timing.block) for result in results for timing in result.arms.values()]
    if min(blocks) < max(blocks):
        said.append(locale("limits.few_blocks", n=min(blocks), most=max(blocks)))
    least = context.rule("C2")["min_seeds"]
    fewest: dict[str, int] = {}
    for cell, processes in cells.items():
        fewest[cell.study] = min(len(processes), fewest.get(cell.study, len(processes)))
    if fewest.get(cost.MAIN, least) < least:
        said.append(locale("limits.few_processes", n=fewest[cost.MAIN], least=least))
    others = [f"{study} {n}" for study, n in fewest.items() if n < least and study != cost.MAIN]
    if others:
        names = ", ".join(others)
        said.append(locale("limits.few_processes_of", studies=names, least=least))
    return said


def of_machine(context: Context, locale: Locale) -> list[str]:
    """What this machine cannot show: other instruction sets than its own, and other NUMA nodes."""
    said = []
    limited = [isa for isa in variants.tiers(context) if variants.is_limited(context, isa)]
    if limited:
        names = ", ".join(variants.tier(context, isa) for isa in limited)
        said.append(locale("limits.capped", names=names[0].upper() + names[1:]))
    host = context.evidence.timing_host
    several = any(cell.threads > 1 for cell in cost.all_cells(context.evidence))
    if several and host is not None and host.facts.get("numa_nodes") == 1:
        said.append(locale("limits.no_numa"))
    return said
