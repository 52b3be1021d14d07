"""Claims: the article's sentences, the rules that decide them, and the verdicts."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from report import rules
from report.errors import ReportError
from report.fields import Fields, Named
from report.load import Evidence
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding
from report.statistics import holm

FOLDER = Path(__file__).parent / "claims"


@dataclass(frozen=True)
class Claim:
    """One claims/<id>.toml: its text, and its rule as it stands in the file today."""

    id: str
    title: str
    section: str
    quote: str
    sentence: str
    headline: str  # what was found; {part} stands for a part's effect
    measured: str
    caveats: list[str]
    command: str
    charts: list[str]
    tables: list[str]
    labels: Mapping[str, str]  # part -> what it is called, in the order of the file
    rule: Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """A row of the verdict table: a part of a claim, and what its locked rule found."""

    claim: str
    part: str
    label: str
    finding: Finding
    p_holm: float
    rule_digest: str
    marks: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.claim}.{self.part}" if self.part else self.claim


def read_claims(folder: Path = FOLDER) -> list[Claim]:
    """Every claim file, in order of its number. Raises ReportError naming a bad file and key."""
    return [read_claim(path) for path in sorted(folder.glob("*.toml"), key=number)]


def number(path: Path) -> tuple[int, str]:
    digits = "".join(c for c in path.stem if c.isdigit())
    return int(digits or 0), path.stem


def read_claim(path: Path) -> Claim:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{path} is not valid TOML: {error}") from error
    fields = Fields(table, str(path), "compare it with report/claims/C1.toml")
    parts = table.get("parts", {})
    return Claim(
        id=path.stem,
        title=fields.text("title"),
        section=fields.text("section"),
        quote=fields.text("quote"),
        sentence=fields.text("sentence"),
        headline=fields.text("headline"),
        measured=fields.text("measured").strip(),
        caveats=fields.get("caveats", list),
        command=fields.text("command"),
        charts=fields.get("charts", list),
        tables=fields.get("tables", list),
        labels={name: str(part["label"]) for name, part in parts.items()},
        rule=fields.get("rule", dict),
    )


def digest(rule: Mapping[str, Any]) -> str:
    """SHA-256 of a rule's canonical JSON: equal digests mean the very same rule."""
    text = json.dumps(rule, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parts_of(claim: str, rule: Mapping[str, Any]) -> dict[str, Named]:
    """Part -> its keys, with the rule's own keys where the part does not set them."""
    way_out = (
        "the version of posbench that wrote run.json can still report it; or measure again into a "
        "fresh --out"
    )
    common = {k: v for k, v in rule.items() if k != "parts"}
    parts: Mapping[str, Any] = rule.get("parts", {"": {}})
    return {
        name: Named({**common, **part}, f"the locked rule of {claim}, part '{name}',", way_out)
        for name, part in parts.items()
    }


def rule_mark(claim: Claim, evidence: Evidence) -> str:
    """'rule_changed', 'rule_not_locked', or nothing where file and run hold the same rule."""
    locked = evidence.rules.get(claim.id)
    if locked is None:
        return "rule_not_locked"
    return "" if locked == claim.rule else "rule_changed"


def decide(claims: Sequence[Claim], evidence: Evidence) -> list[Verdict]:
    """Every verdict, from the rules that the runs locked before their first number."""
    return [verdict for claim in claims for verdict in decide_claim(claim, evidence)]


def decide_claim(claim: Claim, evidence: Evidence) -> list[Verdict]:
    locked = evidence.rules.get(claim.id)
    rule = claim.rule if locked is None else locked
    parts = parts_of(claim.id, rule)
    findings: dict[str, Finding] = {}
    for name in sorted(parts, key=lambda n: ("of" in parts[n], n)):
        if locked is None:
            findings[name] = Finding(UNDECIDED, "rule_not_locked")
        elif not rules.exists(parts[name]["kind"]):  # the run was locked by another version
            findings[name] = Finding(UNDECIDED, "unknown_kind", {"kind": parts[name]["kind"]})
        else:
            kind = rules.module(parts[name]["kind"])
            findings[name] = kind.decide(parts[name], evidence, findings)
    for name, part in parts.items():
        findings[name] = mark_interim(findings[name], part, parts, evidence)
    adjusted = adjust(findings, parts)
    findings = {n: settle(f, adjusted.get(n, math.nan), parts[n]) for n, f in findings.items()}
    order = [*(n for n in claim.labels if n in parts), *(n for n in parts if n not in claim.labels)]
    return [
        Verdict(
            claim=claim.id,
            part=name,
            label=claim.labels.get(name, name),
            finding=findings[name],
            p_holm=adjusted.get(name, math.nan),
            rule_digest=digest(rule),
            marks=findings[name].marks,
        )
        for name in order
    ]


def mark_interim(
    finding: Finding, part: Named, parts: Mapping[str, Named], evidence: Evidence
) -> Finding:
    """Marked where trainings that a part decides from are still to come.

    Who looks at a verdict more than once errs more often than its level says.
    """
    studies = {str(parts[name]["study"]) for name in part.get("of", ()) if "study" in parts[name]}
    studies |= {str(part["study"])} if "study" in part else set()
    if math.isfinite(finding.effect) and any(map(evidence.unfinished, studies)):
        return replace(finding, marks=(*finding.marks, "interim"))
    return finding


def settle(finding: Finding, p_holm: float, part: Mapping[str, Any]) -> Finding:
    """A difference must outlive Holm's correction; equality needs none (every part must hold)."""
    difference = SUPPORTED if finding.superior else CONTRADICTED
    if finding.verdict == difference and p_holm > part.get("alpha", math.inf):
        return replace(finding, verdict=UNDECIDED, reason="not_after_holm")
    return finding


def adjust(findings: Mapping[str, Finding], parts: Mapping[str, Named]) -> dict[str, float]:
    """Holm over the parts of one claim that are tested alike; a single test stands as it is.

    Parts of which one is enough (`any_of`) are a family of their own.
    """
    chosen = {n for part in parts.values() if part["kind"] == "any_of" for n in part["of"]}
    families: dict[tuple[str, str, bool], list[str]] = {}
    for name, finding in findings.items():
        if math.isfinite(finding.p):
            family = (parts[name]["kind"], parts[name].get("test", ""), name in chosen)
            families.setdefault(family, []).append(name)
    adjusted: dict[str, float] = {}
    for tested in families.values():
        adjusted |= dict(zip(tested, holm([findings[name].p for name in tested])))
    return adjusted
