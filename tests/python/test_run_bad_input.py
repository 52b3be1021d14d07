"""Runs that must refuse: what they say, how they exit, what they leave behind."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiny_home import ARMS, BASE, PROFILE, Home, home, needs_build, records, run_json, trial_files

__all__ = ["home"]
pytestmark = needs_build

SMOKE = ("--profile", "smoke")


def complaint(home: Home, out: Path, *words: str | Path) -> str:
    """The error of a run that must refuse before it measures anything."""
    before = trial_files(out)
    result = home.run(*words, "--out", out)
    assert result.returncode == 2, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert trial_files(out) == before
    return line


@pytest.mark.parametrize(
    ("right", "wrong", "word", "nearest"),
    [
        ('encoding = "learned"', 'encoding = "lerned"', "lerned", "learned"),
        ('task = "tagging"', 'task = "taging"', "taging", "tagging"),
        ('dataset = "tiny_tags"', 'dataset = "tiny_tag"', "tiny_tag", "tiny_tags"),
        ("hidden = 8", "hiden = 8", "hiden", "hidden"),
        ("steps = 5", "stesp = 5", "stesp", "steps"),
        ("[[arm]]", "[[amr]]", "amr", "arm"),
        ("[profile.smoke]", "[profile.smok]", "smok", "smoke"),
        ("seeds =", "seed =", "seed", "seeds"),
        ('harness = "accuracy"', 'harness = "acuracy"', "acuracy", "accuracy"),
    ],
)
def test_mistyped_words_of_a_study(
    home: Home, tmp_path: Path, right: str, wrong: str, word: str, nearest: str
) -> None:
    file = home.studies / "tiny.toml"
    file.write_text(file.read_text().replace(right, wrong))
    told = complaint(home, tmp_path / "run", "tiny", *SMOKE)
    assert f"'{word}'; did you mean '{nearest}'?" in told
    assert "tiny" in told


@pytest.mark.parametrize(
    ("words", "word", "nearest"),
    [
        (("tyni", *SMOKE), "study 'tyni'", "tiny"),
        (("tiny", "--profile", "smoek"), "profile 'smoek'", "smoke"),
        (("tiny", "--profil", "smoke"), "flag '--profil'", "--profile"),
        (("tiny", *SMOKE, "--job", "2"), "flag '--job'", "--jobs"),
    ],
)
def test_mistyped_words_of_the_command(
    home: Home, tmp_path: Path, words: tuple[str, ...], word: str, nearest: str
) -> None:
    told = complaint(home, tmp_path / "run", *words)
    assert f"unknown {word}; did you mean '{nearest}'?" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tiny",), "--profile is missing"),
        (("tiny", *SMOKE, "--jobs", "0"), "--jobs must be at least 1"),
        (("tiny", *SMOKE, "--jobs", "two"), "two"),
        (("tiny", "--profile", "full"), "study tiny has no profile full"),
    ],
)
def test_what_is_missing_or_impossible(
    home: Home, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert says in complaint(home, tmp_path / "run", *words)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("heads = 2", "heads = 3", "hidden 8 is not a multiple of heads 3"),
        ("steps = 5", "steps = -1", "steps must be at least 0"),
        ("batch_tokens = 64", "batch_tokens = -1", "batch_tokens must be at least 1"),
        ("hidden = 8", 'hidden = "eight"', "'hidden' is \"eight\""),
        ("vocabulary = 64", "vocabulary = 3", "vocabulary"),
        ("seeds = [0, 1]", 'seeds = "some"', "tiny.toml"),
        ('task = "tagging"', 'task = "classification"', "tiny_tags is made for tagging"),
    ],
)
def test_values_that_cannot_be(
    home: Home, tmp_path: Path, right: str, wrong: str, says: str
) -> None:
    file = home.studies / "tiny.toml"
    file.write_text(file.read_text().replace(right, wrong))
    assert says in complaint(home, tmp_path / "run", "tiny", *SMOKE)


def test_a_study_that_does_not_parse(home: Home, tmp_path: Path) -> None:
    (home.studies / "broken.toml").write_text('id = "broken"\nharness = \n')
    told = complaint(home, tmp_path / "run", "broken", *SMOKE)
    assert f"{home.studies / 'broken.toml'}:2:" in told


def test_missing_data_stops_a_run_before_it_starts(home: Home, tmp_path: Path) -> None:
    home.add_study("real", BASE.replace("tiny_tags", "brown_pos") + PROFILE)
    told = complaint(home, tmp_path / "run", *SMOKE)
    assert "posbench data fetch brown_pos" in told
    assert "--skip-missing-data" in told


def test_a_run_goes_on_without_missing_data_when_told_to(home: Home, tmp_path: Path) -> None:
    home.add_study("real", BASE.replace("tiny_tags", "brown_pos") + ARMS + PROFILE)
    out = tmp_path / "run"
    result = home.run_well(*SMOKE, "--out", out, "--skip-missing-data")
    assert "posbench data fetch brown_pos" in result.stderr
    assert {r["spec"]["dataset"] for r in records(out).values()} == {"tiny_tags"}
    assert len(records(out)) == 6
    (missing,) = run_json(out)["missing_data"]
    assert missing["dataset"] == "brown_pos"
    assert missing["command"] == "posbench data fetch brown_pos"
    assert missing["trials"] == 6


def test_data_with_other_bytes_are_refused(home: Home, tmp_path: Path) -> None:
    with (home.data / "tiny_tags" / "d07").open("a") as file:
        file.write("w1/t1\n")
    told = complaint(home, tmp_path / "run", "tiny", *SMOKE)
    assert "tiny_tags" in told and "expected" in told and "found" in told


def test_a_folder_of_another_profile_is_refused(home: Home, tmp_path: Path) -> None:
    text = BASE + ARMS + PROFILE + PROFILE.replace("smoke", "quick")
    home.add_study("tiny", text)
    out = tmp_path / "run"
    home.run_well(*SMOKE, "--out", out)
    before = (out / "run.json").read_bytes()
    told = complaint(home, out, "--profile", "quick")
    assert f"{out} holds a run of profile smoke, not quick" in told
    assert (out / "run.json").read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "else"}', '{"schema": 5}'])
def test_a_folder_with_a_foreign_run_json_is_refused(home: Home, tmp_path: Path, text: str) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text(text)
    assert f"{out / 'run.json'} is not a posbench run" in complaint(home, out, "tiny", *SMOKE)
    assert (out / "run.json").read_text() == text


def test_a_folder_that_cannot_be_made_is_named(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    told = complaint(home, file / "run", "tiny", *SMOKE)
    assert str(file / "run") in told and "choose another --out" in told
    assert file.read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(home: Home, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert str(locked) in complaint(home, locked / "run", "tiny", *SMOKE)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "posbench-test", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("free_kib", [0, 4, 40, 64, 80])
def test_a_full_disk_leaves_no_half_record(
    home: Home, tmp_path: Path, small_disk: Path, free_kib: int
) -> None:
    """Wherever it is that the space ends: whole records or none, and a second try that finishes."""
    seeds = list(range(12))
    home.add_study("many", BASE + PROFILE.replace("[0, 1]", str(seeds)))
    home.run_well("many", *SMOKE, "--out", tmp_path / "undisturbed")
    expected = records(tmp_path / "undisturbed")

    filler = small_disk / "filler"
    space = os.statvfs(small_disk)
    filler.write_bytes(bytes(space.f_bavail * space.f_frsize - free_kib * 1024))
    out = small_disk / "run"
    result = home.run("many", *SMOKE, "--jobs", "1", "--out", out)
    assert result.returncode in (1, 2), result.stderr
    assert "No space left on device" in result.stderr
    assert "free some space" in result.stderr or "choose another --out" in result.stderr
    found = records(out)
    assert all(expected[id] == record for id, record in found.items())
    assert [file for file in out.rglob("*") if ".part" in file.name] == []
    if (out / "run.json").exists():
        json.loads((out / "run.json").read_text())

    filler.unlink()
    home.run_well("many", *SMOKE, "--out", out)
    assert records(out) == expected
