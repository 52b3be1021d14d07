"""Bad input through the real binaries: what they say, how they exit, what they leave behind."""

import hashlib
import os
import resource
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))
HARNESSES = (
    "accuracy",
    "encoder_cost",
    "encoding_cost",
    "encoding_error",
    "memory_cost",
    "peer_cost",
)

pytestmark = pytest.mark.skipif(
    not (BUILD / "bin" / "posbench").exists(), reason=f"no build in {BUILD}"
)


def start(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a binary of the build to its end."""
    words = [str(word) for word in command]
    words[0] = str(BUILD / "bin" / words[0])
    return subprocess.run(
        words, capture_output=True, text=True, env=os.environ | environment, timeout=300
    )


def complaint(*command: str | Path, **environment: str) -> str:
    """The one error of a command that must refuse: exit 2, nothing on standard output."""
    result = start(*command, **environment)
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    return result.stderr


@pytest.mark.parametrize(
    "command", [(), ("run",), ("report",), ("list",), ("data",), ("doctor",), ("conformance",)]
)
def test_help_of_every_command(command: tuple[str, ...]) -> None:
    result = start("posbench", *command, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: posbench" in result.stdout
    assert "Example" in result.stdout


@pytest.mark.parametrize("harness", HARNESSES)
def test_help_of_every_harness(harness: str) -> None:
    result = start(harness, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: " + harness in result.stdout
    assert "Examples:" in result.stdout


@pytest.mark.parametrize("command", [("posbench",), *((name,) for name in HARNESSES)])
def test_version(command: tuple[str, ...]) -> None:
    assert start(*command, "--version").stdout.startswith("posbench 0.1.0 (")


@pytest.mark.parametrize("kind", ["encodings", "systems", "tasks", "datasets", "studies", "claims"])
def test_lists_are_not_empty(kind: str) -> None:
    result = start("posbench", "list", kind)
    assert result.returncode == 0, result.stderr
    for line in result.stdout.splitlines():
        name, _, about = line.partition(" ")
        assert name and about.strip(), line
    assert result.stdout


def test_a_mistyped_command() -> None:
    assert "unknown command 'rnu'; did you mean 'run'?" in complaint("posbench", "rnu")


def test_a_mistyped_list() -> None:
    assert "'encoding'; did you mean 'encodings'?" in complaint("posbench", "list", "encoding")


def test_a_mistyped_data_set() -> None:
    words = complaint("posbench", "data", "verify", "brown_poss")
    assert "unknown data set 'brown_poss'; did you mean 'brown_pos'?" in words


@pytest.mark.parametrize(
    ("command", "flag", "nearest"),
    [
        (("posbench", "run"), "--profil", "--profile"),
        (("posbench", "report"), "--uot", "--out"),
        (("posbench", "data", "fetch"), "--miror", "--mirror"),
        (("encoding_cost",), "--hiden", "--hidden"),
        (("accuracy",), "--leraning-rate", "--learning-rate"),
    ],
)
def test_a_mistyped_flag(command: tuple[str, ...], flag: str, nearest: str) -> None:
    assert f"unknown flag '{flag}'; did you mean '{nearest}'?" in complaint(*command, flag)


def test_a_mistyped_profile(tmp_path: Path) -> None:
    words = complaint("posbench", "run", "--profile", "quik", "--out", tmp_path / "run")
    assert "unknown profile 'quik'; did you mean 'quick'?" in words
    assert not (tmp_path / "run").exists()


def test_a_mistyped_study(tmp_path: Path) -> None:
    words = complaint("posbench", "run", "parrity", "--profile", "smoke", "--out", tmp_path / "run")
    assert "unknown study 'parrity'; did you mean 'parity'?" in words


def test_a_mistyped_encoding() -> None:
    words = complaint("accuracy", "--encoding", "lerned")
    assert "unknown encoding 'lerned'; did you mean 'learned'?" in words


def test_a_mistyped_task() -> None:
    assert "did you mean 'tagging'?" in complaint("accuracy", "--task", "taging")


def test_a_mistyped_key_of_a_trial() -> None:
    words = complaint("accuracy", "--trial", '{"hiden": 64}')
    assert "unknown accuracy key 'hiden'; did you mean 'hidden'?" in words


def test_missing_data_names_the_command(tmp_path: Path) -> None:
    words = complaint("accuracy", "--dataset", "brown_pos", POSBENCH_DATA=str(tmp_path))
    assert words.rstrip().endswith("posbench data fetch brown_pos")


def test_missing_data_stops_a_run_before_it_starts(tmp_path: Path) -> None:
    words = complaint(
        "posbench",
        "run",
        "--profile",
        "smoke",
        "--out",
        tmp_path / "run",
        POSBENCH_DATA=str(tmp_path),
    )
    assert "posbench data fetch brown_pos" in words
    assert not list((tmp_path / "run").glob("trials/*.json"))


def test_wrong_bytes_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "wordnet_gloss"
    folder.mkdir()
    for part in ("noun", "verb", "adj", "adv"):
        (folder / f"data.{part}").write_text("not WordNet\n")
    words = complaint("posbench", "data", "verify", "wordnet_gloss", POSBENCH_DATA=str(tmp_path))
    assert str(folder / "data.noun") in words
    assert "expected fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2" in words
    assert "found " + hashlib.sha256(b"not WordNet\n").hexdigest() in words


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    words = complaint("memory_cost", "--out", file / "run")
    assert str(file) in words


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the record does not fit into 100 bytes."""
    result = subprocess.run(
        [BUILD / "bin" / "memory_cost", "--out", tmp_path],
        capture_output=True,
        text=True,
        restore_signals=False,  # Python ignores SIGXFSZ, and so must the child
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert result.returncode == 2, result
    assert "cannot write" in result.stderr and "free some space" in result.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_report_of_nothing(tmp_path: Path) -> None:
    result = start("posbench", "report", tmp_path / "nothing", "--out", tmp_path / "report")
    assert result.returncode == 2
    assert str(tmp_path / "nothing") in result.stderr
    assert not (tmp_path / "report" / "index.html").exists()
