"""`posbench run --dataset`: encodings compared on data of one's own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tiny_home import ROOT, Home, home, needs_build, records, run_json

__all__ = ["home"]
pytestmark = needs_build

LINES = "the/at dog/nn saw/vb\na/at cat/nn ran/vb\nthe/at cat/nn saw/vb\n"


@pytest.fixture
def own(home: Home, tmp_path: Path) -> Path:
    """A manifest of six lines beside its file; the study's trainings cut short."""
    text = (ROOT / "bench" / "studies" / "own.toml").read_text()
    (home.studies / "own.toml").write_text(text.replace("steps = 10\n", "steps = 2\n"))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "words.txt").write_text(LINES * 20)
    (folder / "mine.toml").write_text(
        'task = "tagging"\nreader = "word_tag"\nunit = "example"\n\n[[files]]\npath = "words.txt"\n'
    )
    return folder / "mine.toml"


def test_six_lines_are_enough(home: Home, own: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("--dataset", own, "--task", "tagging", "--profile", "smoke", "--out", out)
    home.run_well(*words)
    found = records(out)
    assert {r["spec"]["arm"] for r in found.values()} == {"learned", "sinusoid", "none"}
    assert {r["spec"]["dataset"] for r in found.values()} == {str(own)}
    assert all(r["result"]["test"]["examples"] == 18 for r in found.values())
    assert [s["id"] for s in run_json(out)["studies"]] == ["own"]
    again = home.run_well(*words)
    assert "0 to run" in again.stdout + again.stderr
    # Other bytes are another data set.
    (own.parent / "words.txt").write_text(LINES * 21)
    home.run_well(*words)
    assert len(records(out)) == 6


def test_the_manifests_task_is_the_default_and_no_other_will_do(
    home: Home, own: Path, tmp_path: Path
) -> None:
    smoke = ("--profile", "smoke", "--out", tmp_path / "run")
    refused = home.run("--dataset", own, "--task", "tagginn", *smoke)
    assert refused.returncode == 2
    assert "unknown task of this data set 'tagginn'; did you mean 'tagging'?" in refused.stderr
    assert home.run("tiny", "--dataset", own, *smoke).returncode == 2
    assert home.run("--task", "tagging", *smoke).returncode == 2
    missing = home.run("--dataset", own.parent / "other.toml", *smoke)
    assert missing.returncode == 2 and "other.toml" in missing.stderr
    home.run_well("--dataset", own, *smoke)


def test_profile_and_folder_have_defaults(home: Home, own: Path) -> None:
    text = (home.studies / "own.toml").read_text()
    quick = text[text.index("[profile.quick]") :].replace("core_seconds = 30\n", "", 1)
    short = "[profile.quick]\ncore_seconds = 1\n" + quick.removeprefix("[profile.quick]\n")
    short = short.replace("seeds = [100, 101]\n", "seeds = [100]\narms = ['none']\n", 1)
    short = short.replace(
        "[profile.standard]", "[profile.quick.base]\nsteps = 2\n[profile.standard]", 1
    )
    (home.studies / "own.toml").write_text(text[: text.index("[profile.quick]")] + short)
    command = home.command("--dataset", own, "--task", "tagging")
    subprocess.run(command, env=home.environment, cwd=own.parent, check=True, timeout=300)
    assert len(records(own.parent / "out" / "mine")) == 1


def test_a_broken_line_is_named(home: Home, own: Path, tmp_path: Path) -> None:
    (own.parent / "words.txt").write_text(LINES + "no-tag\n")
    told = home.run("--dataset", own, "--profile", "smoke", "--out", tmp_path / "run")
    assert told.returncode == 2
    assert "words.txt:4:1: expected word/tag, found 'no-tag'" in told.stderr


def test_the_study_of_ones_own_needs_data(home: Home, tmp_path: Path) -> None:
    shutil.copy(ROOT / "bench" / "studies" / "own.toml", home.studies)
    told = home.run("own", "--profile", "smoke", "--out", tmp_path / "run")
    assert told.returncode == 2 and "unknown study 'own'" in told.stderr
