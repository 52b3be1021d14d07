"""Reads runs (run.json and trials/*.json) and refuses mixtures that cannot be compared.

Canonical runs are committed with their trials packed in trials.tar.xz, a tenth of the size, because
records of one data set name the same documents.
"""

from __future__ import annotations

import json
import lzma
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from report.errors import ReportError
from report.fields import Fields
from report.records import Trial, trial
from report.records.accuracy import Accuracy
from report.records.memory_cost import MemoryEncoding

TIMED = ("encoding_cost", "encoder_cost", "peer_cost", "reading_cost")


@dataclass(frozen=True)
class Host:
    id: str
    facts: Mapping[str, Any]  # as they stand in run.json

    @property
    def build(self) -> tuple[str, ...]:
        return tuple(str(self.facts.get(k, "")) for k in ("commit", "dirty", "compiler", "flags"))


@dataclass(frozen=True)
class Gap:
    """Something a run should hold and does not: what, how many, why, and what to do."""

    # "data" | "failed" | "absent" | "unavailable" (no machine like this one can) | "stray" (no study's)
    kind: str
    what: str
    study: str
    count: int
    why: str
    way_out: str


@dataclass(frozen=True)
class Conformance:
    """A convention of an encoding, as conformance.json tells; nan where there is no number."""

    encoding: str
    convention: str
    used_by: str
    compared: str
    shape: str
    error: float  # of the encoding here from its paper's formula; nan: no encoding here has it
    neighbour: str  # the convention that it may be taken for
    difference: float
    permuted: float  # what is left of it behind a permutation of columns; nan: none could help


@dataclass(frozen=True)
class Run:
    path: Path
    profile: str
    command: str
    started: str
    ended: str | None
    hosts: list[Host]
    datasets: Mapping[str, Mapping[str, str]]
    studies: Mapping[str, list[str]]  # study -> trial ids
    rules: Mapping[str, Any]
    trials: Mapping[str, Trial]
    gaps: list[Gap]
    conformance: list[Conformance]  # empty in runs that began before there was one


@dataclass(frozen=True)
class Evidence:
    """Everything the report may speak from: the runs, and their trials by study."""

    runs: list[Run]
    by_study: Mapping[str, list[Trial]]
    rules: Mapping[str, Any]
    hosts: Mapping[str, Host]
    timing_host: Host | None  # the one host of all timing records
    cache: dict[str, Any] = field(default_factory=dict)  # what tables and charts both need

    def trials(self, study: str) -> list[Trial]:
        return self.by_study.get(study, [])

    def unfinished(self, study: str) -> bool:
        """Whether trials that a run planned for a study are still to come."""
        gaps = [gap for run in self.runs for gap in run.gaps if gap.study == study]
        return any(gap.kind in ("absent", "failed") for gap in gaps)

    def of(self, harness: str) -> list[Trial]:
        """Every trial of a harness once, whatever studies share it."""
        found = {t.id: t for trials in self.by_study.values() for t in trials}
        return [t for t in found.values() if t.harness == harness]


def read_json(path: Path, way_out: str) -> Fields:
    try:
        return parse_json(path.read_bytes(), path, way_out)
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror}); {way_out}") from error


def parse_json(content: bytes, path: Path, way_out: str) -> Fields:
    try:
        return Fields(json.loads(content.decode()), str(path), way_out)
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is not UTF-8 text; {way_out}") from error
    except json.JSONDecodeError as error:
        raise ReportError(
            f"{path} is broken or cut short (line {error.lineno}: {error.msg}); {way_out}"
        ) from error


def record_files(run: Path) -> Iterator[tuple[Path, bytes]]:
    """The records of a run with their content, sorted by name; from trials.tar.xz where that is all.

    Raises ReportError for an archive that is damaged.
    """
    packed = run / "trials.tar.xz"
    if not packed.is_file() or (run / "trials").is_dir():
        yield from ((file, file.read_bytes()) for file in sorted((run / "trials").glob("*.json")))
        return
    try:
        with tarfile.open(packed) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:  # a file
                    yield run / member.name, content.read()
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise ReportError(f"{packed} is damaged ({error}); check it out again") from error


def read_run(path: Path) -> Run:
    """One run directory. Raises ReportError for an unreadable or damaged file, naming it."""
    if not (path / "run.json").is_file():
        raise ReportError(
            f"{path} is not a run: it holds no run.json; give the folder that was --out of "
            "'posbench run'"
        )
    fields = read_json(path / "run.json", "repeat the run's command, it rewrites this file")
    if fields.text("schema") != "posbench.run/1":
        fields.refuse(f"has schema '{fields.text('schema')}', not 'posbench.run/1'")
    command = fields.text("command")
    again = f"delete it and repeat '{command}', which measures only what is missing"
    studies = {
        s.text("id"): [str(t) for t in s.get("trials", list)] for s in fields.rows("studies")
    }
    listed = {i for ids in studies.values() for i in ids}
    trials: dict[str, Trial] = {}
    strays = 0
    for file, content in record_files(path):
        if file.stem not in listed:
            strays += 1
            continue
        read = trial(parse_json(content, file, again), file)
        if read.id != file.stem:
            raise ReportError(f"{file} holds the record of trial {read.id}; {again}")
        trials[read.id] = read
    hosts = [Host(h.text("id"), h.table) for h in fields.rows("hosts")]
    known = {host.id for host in hosts}
    for t in trials.values():
        if t.harness in TIMED and t.host not in known:
            raise ReportError(
                f"{t.path} was timed on host {t.host}, which run.json does not describe; "
                f"repeat '{command}' to its end, or {again}"
            )
    gaps = list(gaps_of(fields, studies, trials, path, command))
    if strays:
        gaps.append(Gap("stray", str(path / "trials"), "", strays, "other_build", ""))
    return Run(
        path=path,
        profile=fields.text("profile"),
        command=command,
        started=fields.text("started"),
        ended=fields.table.get("ended"),
        hosts=hosts,
        datasets=fields.get("datasets", dict),
        studies=studies,
        rules=fields.get("rules", dict),
        trials=trials,
        gaps=gaps,
        conformance=conformance_of(path / "conformance.json", command),
    )


def conformance_of(path: Path, command: str) -> list[Conformance]:
    """The rows of conformance.json; none where a run has no such file."""
    if not path.exists():
        return []
    fields = read_json(path, f"repeat '{command}', it rewrites this file")
    if fields.text("schema") != "posbench.conformance/1":
        fields.refuse(f"has schema '{fields.text('schema')}', not 'posbench.conformance/1'")
    return [
        Conformance(
            encoding=row.text("encoding"),
            convention=row.text("convention"),
            used_by=row.text("used_by"),
            compared=row.text("compared"),
            shape=row.text("shape"),
            error=row.number("error"),
            neighbour=row.text("neighbour"),
            difference=row.number("difference"),
            permuted=row.number("permuted"),
        )
        for row in fields.rows("rows")
    ]


def gaps_of(
    fields: Fields,
    studies: Mapping[str, list[str]],
    trials: Mapping[str, Trial],
    path: Path,
    command: str,
) -> list[Gap]:
    gaps = [
        Gap(
            "data",
            m.text("dataset"),
            str(m.table.get("study", "")),
            m.integer("trials"),
            "not here",
            m.text("command"),
        )
        for m in fields.rows("missing_data")
    ]
    if "unavailable" in fields.table:
        gaps += [
            Gap(
                "unavailable",
                u.text("what"),
                u.text("study"),
                u.integer("trials"),
                u.text("reason"),
                "",
            )
            for u in fields.rows("unavailable")
        ]
    failed = {f.text("id"): f for f in fields.rows("failed")}
    for f in failed.values():
        study = f.text("study")
        again = one_study(command, study)
        gaps.append(Gap("failed", f.text("id")[:12], study, 1, f.text("reason"), again))
    for study, ids in studies.items():
        absent = [i for i in ids if i not in trials and i not in failed]
        if absent:
            file = path / "trials" / f"{absent[0]}.json"
            again = one_study(command, study)
            gaps.append(Gap("absent", file.name[:12], study, len(absent), "no record", again))
    return gaps


def one_study(command: str, study: str) -> str:
    """The run's command for this study: the last sitting of a run may have named others."""
    return re.sub(r"posbench run( [^-]\S*)+", f"posbench run {study}", command, count=1)


def load(paths: Sequence[Path]) -> Evidence:
    """All runs as one body of evidence. Raises ReportError where they must not be mixed."""
    runs = [read_run(path) for path in paths]
    host = timing_host(runs)
    trials: dict[str, Trial] = {}
    by_study: dict[str, dict[str, Trial]] = {}
    for run in runs:
        for study, ids in run.studies.items():
            for i in ids:
                if i in run.trials:
                    kept = trials.setdefault(i, run.trials[i])
                    check_same(kept, run.trials[i])
                    by_study.setdefault(study, {})[i] = kept
    check_fingerprints(trials.values())
    hosts = {host.id: host for run in runs for host in run.hosts}
    return Evidence(
        runs=runs,
        by_study={s: list(by_study[s].values()) for s in sorted(by_study)},
        rules=common_rules(runs),
        hosts=hosts,
        timing_host=host,
    )


def check_same(kept: Trial, other: Trial) -> None:
    """The same trial from two runs: equal where it is exact, and never a second timing."""
    if kept.path == other.path:
        return
    if isinstance(kept.result, Accuracy) and isinstance(other.result, Accuracy):
        same = (kept.result.test, kept.result.dev) == (other.result.test, other.result.dev)
    elif isinstance(kept.result, MemoryEncoding) and isinstance(other.result, MemoryEncoding):
        same = kept.result.exact == other.result.exact
    elif kept.harness in TIMED:
        same = (kept.host, kept.ended, kept.core_seconds) == (
            (other.host, other.ended, other.core_seconds)
        )
    else:
        same = kept.result == other.result
    if not same:
        raise ReportError(
            f"{kept.path} and {other.path} are the same trial with different results; "
            "give only one of the two runs"
        )


def check_fingerprints(trials: Any) -> None:
    """Accuracy records mix across builds and hosts only while the engine behaves the same."""
    first: dict[str, Trial] = {}
    for t in trials:
        if t.harness != "accuracy":
            continue
        recipe = json.dumps({k: v for k, v in t.spec.items() if k != "seed"}, sort_keys=True)
        kept = first.setdefault(recipe, t)
        if kept.fingerprint != t.fingerprint:
            raise ReportError(
                f"{kept.path} and {t.path} are one recipe trained by engines that compute "
                f"differently (fingerprints {kept.fingerprint[:12]} and {t.fingerprint[:12]}); "
                "their scores must not be mixed: give only runs of one engine"
            )


def timing_host(runs: Sequence[Run]) -> Host | None:
    """The one host and build of all timing records; raises ReportError where there are several."""
    first: dict[str, tuple[Trial, Host]] = {}
    for run in runs:
        hosts = {host.id: host for host in run.hosts}
        for t in run.trials.values():
            if t.harness in TIMED:
                first.setdefault(t.host, (t, hosts[t.host]))
    builds = {host.build for run in runs for host in run.hosts if host.id in first}
    if len(first) > 1 or len(builds) > 1:
        where = "; ".join(
            f"{t.path} on host {h.id} ({h.facts.get('cpu_model')}, "
            f"commit {str(h.facts.get('commit'))[:12]})"
            for t, h in first.values()
        )
        raise ReportError(
            "timing records of different hosts or builds cannot be mixed, because a ratio holds "
            f"only inside one machine and build: {where}; give runs of one host and build, or "
            "measure the cost studies again into a fresh --out"
        )
    return next((host for _, host in first.values()), None)


def studies_of(rule: Mapping[str, Any]) -> set[str]:
    """The studies whose records a rule decides from."""
    parts = rule.get("parts", {}).values()
    return {part["study"] for part in (rule, *parts) if "study" in part}


def common_rules(runs: Sequence[Run]) -> Mapping[str, Any]:
    """The rule of each claim, as locked by the runs that hold records it decides from.

    A run of another study has no say: `tuning` comes before the rule it fixes the margin of. Where nobody
    holds such records, the last run's rule stands. Raises ReportError where two runs with a say differ.
    """
    rules: dict[str, Any] = {}
    decided_by: dict[str, Run] = {}
    for run in runs:
        for claim, rule in run.rules.items():
            if not studies_of(rule) & run.studies.keys():
                if claim not in decided_by:
                    rules[claim] = rule
            elif claim not in decided_by:
                rules[claim], decided_by[claim] = rule, run
            elif rules[claim] != rule:
                raise ReportError(
                    f"{decided_by[claim].path} and {run.path} locked different rules for {claim}; "
                    "a verdict needs one rule: give runs of one of the two"
                )
    return rules
