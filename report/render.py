"""Writes the report: index.html (self-contained), report.pdf, verdicts.md, verdicts.csv, tables/*.csv."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from string import Formatter
from typing import Any, Mapping, Sequence

import jinja2
from markupsafe import Markup

from report import figures
from report.claims import Claim, Verdict, rule_mark
from report.errors import ReportError
from report.limits import limits
from report.load import Evidence, studies_of
from report.rules import UNDECIDED, Finding
from report.tables import Context, Table, make_tables
from report.text import Locale, number
from report.view import Grid, between, grid

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
ENGINE_CHARTS = ("encoder_parts", "peer_speed")
ENCODING_CHARTS = ("pareto", "encodings_cost")
SYSTEM_CHARTS = ("growth_by_length",)
TIER_CHARTS = ("tier_ratios",)


@dataclass(frozen=True)
class Line:
    """A row of the verdict table as printed."""

    verdict: Verdict
    effect: str
    interval: str
    margin: str
    reason: str
    marks: list[str]


@dataclass(frozen=True)
class Chart:
    """A chart, or a part of one that fills more than a page."""

    id: str
    name: str
    svg: Markup
    part: int  # from 1
    parts: int


@dataclass(frozen=True)
class Section:
    """A claim with everything that is printed about it."""

    claim: Claim
    lines: list[Line]
    marks: list[str]  # what is to be said about the whole claim
    headline: str
    spoken: list[Line]
    answers: list[str]
    charts: list[Chart]
    tables: list[Grid]
    elsewhere: list[Grid]  # long ones in the appendix, shared ones at the claim that has them first
    command: str
    rule: str


def write(context: Context, out: Path, locale: Locale) -> Path:
    """Writes every file of the report into `out`; returns the path of index.html.

    Raises ReportError where `out` cannot be written.
    """
    tables = make_tables(context)
    html = page(context, tables, locale)
    try:
        (out / "tables").mkdir(parents=True, exist_ok=True)
        for table in tables.values():
            put(out / "tables" / f"{table.id}.csv", table.csv().encode())
        put(out / "verdicts.csv", tables["verdicts"].csv().encode())
        put(out / "verdicts.md", nine(context, locale).encode())
        put(out / "index.html", html.encode())
        put(out / "report.pdf", pdf(html, context))
    except OSError as error:
        raise ReportError(
            f"cannot write the report into {out} ({error.strerror}); give a folder with room that "
            "you may write to as --out"
        ) from error
    return out / "index.html"


def put(path: Path, content: bytes) -> None:
    """Write, then rename: a full disk leaves the old file, never half a new one."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def page(context: Context, tables: Mapping[str, Table], locale: Locale) -> str:
    """The whole report as one HTML text with its style and charts inside."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    environment.filters["breakable"] = breakable
    grids = {name: grid(table, locale) for name, table in tables.items()}
    sections = [section(claim, context, grids, locale) for claim in context.claims]
    return environment.get_template("index.html.j2").render(
        t=locale,
        style=Markup(font_face() + (TEMPLATES / "style.css").read_text(encoding="utf-8")),
        sections=sections,
        grids=grids,
        encoding_charts=charts(ENCODING_CHARTS, context, "encodings"),
        system_charts=charts(SYSTEM_CHARTS, context, "systems"),
        tier_charts=charts(TIER_CHARTS, context, "tiers"),
        engine_charts=charts(ENGINE_CHARTS, context, "engine"),
        appendix=[g for g in grids.values() if g.appendix and g.id != "verdicts"],
        limits=limits(context, locale),
        machine=machine_line(context, locale),
        when=when_line(context, locale),
    )


def marked(text: str) -> Markup:
    """Escaped text with `names` as code."""
    escaped = str(Markup.escape(text))
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", escaped))


def breakable(text: str) -> str:
    """Text whose long_names may go on in the next line: a space of no width after each underscore."""
    return text.replace("_", "_\u200b")


def font_face() -> str:
    """The style that brings the characters of the quotations along."""
    font = base64.b64encode((FOLDER / "fonts" / "quotes.woff2").read_bytes()).decode()
    source = f'url("data:font/woff2;base64,{font}") format("woff2")'
    return f"@font-face {{ font-family: Quotes; src: {source}; unicode-range: U+2E80-FFEF; }}\n"


def owner(table: str, context: Context) -> Claim | None:
    """The first claim that shows a table; the others point to it."""
    return next((claim for claim in context.claims if table in claim.tables), None)


def profile_of(claim: Claim, evidence: Evidence) -> str:
    """The profile of the run that holds the claim's records, for the command that repeats them;
    where there are none, the one that decides claims."""
    studies = studies_of(evidence.rules.get(claim.id, claim.rule))
    holders = [run.profile for run in evidence.runs if studies & run.studies.keys()]
    return (holders or ["standard"])[0]


def section(claim: Claim, context: Context, grids: Mapping[str, Grid], locale: Locale) -> Section:
    lines = [line(v, locale) for v in context.verdicts if v.claim == claim.id]
    for name in claim.tables:
        if name not in grids:
            raise ReportError(f"claim {claim.id} asks for table '{name}', not in tables.toml")
    here = [n for n in claim.tables if owner(n, context) is claim and not grids[n].appendix]
    profile = profile_of(claim, context.evidence)
    mark = rule_mark(claim, context.evidence)
    return Section(
        claim=claim,
        lines=lines,
        marks=[locale(f"mark.{mark}")] if mark else [],
        headline=headline(claim, lines, locale),
        spoken=spoken_of(claim, lines),
        answers=answers(lines, locale),
        charts=charts(claim.charts, context, claim.id),
        tables=[grids[name] for name in here],
        elsewhere=[grids[name] for name in claim.tables if name not in here],
        command=claim.command.format(profile=profile, out="results/again"),
        rule=json.dumps(context.rule(claim.id), sort_keys=True, ensure_ascii=False),
    )


def charts(names: Sequence[str], context: Context, place: str) -> list[Chart]:
    return [part for name in names for part in chart(name, context, place)]


def chart(name: str, context: Context, place: str) -> list[Chart]:
    drawn = figures.draw(name, context, f"{place}-{name}")
    return [
        Chart(f"figure-{place}-{name}-{i + 1}", name, Markup(svg), i + 1, len(drawn))
        for i, svg in enumerate(drawn)
    ]


def line(verdict: Verdict, locale: Locale) -> Line:
    found = verdict.finding
    form = {"points": "f2", "ratio": "ratio", "percent": "f3"}.get(found.unit, "g3")
    unit = locale(f"units.{found.unit}") if found.unit else ""
    plus = "+" if found.unit in ("points", "nats") and found.effect > 0 else ""
    effect = f"{found.bound} {plus}{number(found.effect, form)}".strip()
    return Line(
        verdict=verdict,
        effect=f"{effect} {unit}" if math.isfinite(found.effect) else "",
        interval=interval_of(found, form),
        margin=number(found.margin, "plain") if math.isfinite(found.margin) else "",
        reason=locale(f"reason.{found.reason}", **found.values).strip(),
        marks=[locale(f"mark.{mark}", **found.values) for mark in verdict.marks],
    )


def interval_of(found: Finding, form: str) -> str:
    """Nothing for an exact count; of a bound, the end that trainings which never arrived leave open."""
    if found.low == found.high:
        return ""
    whole = between(found.low, found.high, form)
    known = {"": whole, "≥": f"{number(found.low, form)} …", "≤": f"… {number(found.high, form)}"}
    return known.get(found.bound, "") if whole else ""


def named_in(headline: str) -> list[str]:
    """The parts of a claim that its headline names."""
    return [name for _, name, _, _ in Formatter().parse(headline) if name]


def spoken_of(claim: Claim, lines: list[Line]) -> list[Line]:
    """The parts that the headline names: they speak for the claim."""
    return [item for item in lines if item.verdict.part in named_in(claim.headline)]


def headline(claim: Claim, lines: list[Line], locale: Locale) -> str:
    """The claim's sentence for the first screen with the effects of the parts that it names."""
    effects = {item.verdict.part: item.effect for item in lines}
    named = named_in(claim.headline)
    if not any(effects.get(name) for name in named):
        return locale("answer.none")
    return claim.headline.format(**{n: effects.get(n) or locale("answer.open") for n in named})


def nine(context: Context, locale: Locale) -> str:
    """The first screen as a table in Markdown, a row a claim: for a README."""
    names = [locale(f"report.{key}") for key in ("claim", "quote", "verdict", "measured")]
    rows = [names, ["---"] * len(names)]
    for claim in context.claims:
        lines = [line(v, locale) for v in context.verdicts if v.claim == claim.id]
        spoken = [item.verdict for item in spoken_of(claim, lines)]
        said = [verdict_in_words(v, locale) for v in spoken]
        verdicts = [f"{verdict}: {v.label}" for verdict, v in zip(said, spoken)]
        if len(set(said)) == 1:  # nothing to tell apart
            verdicts = said[:1]
        rows.append([claim.id, claim.title, "<br>".join(verdicts), headline(claim, lines, locale)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def verdict_in_words(verdict: Verdict, locale: Locale) -> str:
    interim = "interim" in verdict.marks and verdict.finding.verdict != UNDECIDED
    return verdict.finding.verdict + (f", {locale('answer.interim')}" if interim else "")


def answers(lines: list[Line], locale: Locale) -> list[str]:
    """One sentence per verdict that occurs: which parts of the claim it holds for."""
    by_verdict: dict[str, list[str]] = {}
    for item in lines:
        by_verdict.setdefault(item.verdict.finding.verdict, []).append(item.verdict.label)
    return [
        locale("answer.line", verdict=verdict, labels="; ".join(labels))
        for verdict, labels in by_verdict.items()
    ]


def machine_line(context: Context, locale: Locale) -> str:
    hosts = list(context.evidence.hosts.values())
    if not hosts:
        return ""
    timed = context.evidence.timing_host
    if len(hosts) > 1:
        models = {str(host.facts["cpu_model"]) for host in ([timed] if timed else hosts)}
        key = "report.several_hosts_timed" if timed else "report.several_hosts"
        return locale(key, count=len(hosts), cpu=", ".join(sorted(models)))
    shown = hosts[0].facts
    return locale(
        "report.measured_on",
        cpu=shown["cpu_model"],
        isa=shown["isa_available"],
        cores=shown["cores"],
    )


def when_line(context: Context, locale: Locale) -> str:
    runs = context.evidence.runs
    ends = [run.ended for run in runs]
    end = max(e for e in ends if e) if all(ends) else locale("report.unfinished")
    commits = sorted({str(h.facts.get("commit"))[:12] for h in context.evidence.hosts.values()})
    return locale(
        "report.when",
        start=plain_time(min(run.started for run in runs)),
        end=plain_time(end),
        profile=", ".join(sorted({run.profile for run in runs})),
        builds=(
            locale("report.many_commits", count=len(commits))
            if commits[1:]
            else locale("report.one_commit", commit="".join(commits))
        ),
    )


def plain_time(stamp: str) -> str:
    return stamp.replace("T", " ").removesuffix("Z")


def epoch(context: Context) -> int:
    """Seconds since 1970 of the newest record: the date of the report, whenever it is rendered."""
    stamps = [run.started for run in context.evidence.runs]
    stamps += [run.ended for run in context.evidence.runs if run.ended]
    stamps += [t.ended for trials in context.evidence.by_study.values() for t in trials]
    try:
        newest = datetime.strptime(max(stamps), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise ReportError(f"a record bears the time {max(stamps)!r}, which is no time") from error
    return int(newest.replace(tzinfo=timezone.utc).timestamp())


def pdf(html: str, context: Context) -> bytes:
    """The page as PDF, dated by the records."""
    import weasyprint

    def own(url: str, *_: Any) -> Any:
        if url.startswith("data:"):
            return weasyprint.default_url_fetcher(url)
        raise ValueError(f"the report holds everything it needs, yet asks for {url}")

    os.environ["SOURCE_DATE_EPOCH"] = str(epoch(context))
    # Without a base, WeasyPrint cannot resolve even the references inside a chart.
    document = weasyprint.HTML(string=html, base_url="about:report", url_fetcher=own)
    made: bytes = document.write_pdf()
    return made
