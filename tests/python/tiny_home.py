"""A source tree of its own for each test: tiny studies, tiny data, the real claims and binaries."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILD = Path(os.environ.get("POSBENCH_BUILD", ROOT / "build"))

needs_build = pytest.mark.skipif(
    not (BUILD / "bin" / "posbench").exists() or not (BUILD / "bin" / "accuracy").exists(),
    reason=f"no build in {BUILD}",
)

# An encoder that trains in a blink.
BASE = """
[base]
task = "tagging"
dataset = "tiny_tags"
hidden = 8
layers = 1
heads = 2
feed_forward = 16
max_length = 8
vocabulary = 64
batch_tokens = 64
learning_rate = 0.01
steps = 5
"""

ARMS = """
[[arm]]
arm = "learned"
encoding = "learned"
[[arm]]
arm = "sinusoid"
encoding = "sinusoid"
position_rms = 0.1
[[arm]]
arm = "none"
encoding = "none"
"""

PROFILE = """
[profile.smoke]
core_seconds = 0.1
seeds = [0, 1]
"""


def study(name: str, text: str, harness: str = "accuracy") -> str:
    return f'id = "{name}"\nharness = "{harness}"\nabout = "a study of a test"\n{text}'


class Home:
    """`run` starts posbench in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.data = folder / "data"
        self.studies = self.folder / "bench" / "studies"
        self.studies.mkdir(parents=True)
        shutil.copytree(ROOT / "report" / "claims", self.folder / "report" / "claims")
        shutil.copytree(ROOT / "datasets", self.folder / "datasets")
        self.add_tags("tiny_tags")
        self.add_study("tiny", BASE + ARMS + PROFILE)

    def add_study(self, name: str, text: str, harness: str = "accuracy") -> None:
        (self.studies / f"{name}.toml").write_text(study(name, text, harness))

    def add_tags(self, name: str) -> None:
        """Twenty documents in Brown's format; a word's tag is its number modulo 3."""
        draw = random.Random(name)
        folder = self.data / name
        folder.mkdir(parents=True)
        digest = hashlib.sha256()
        for document in range(20):
            words = [draw.randrange(9) for _ in range(24)]
            lines = [words[start : start + 6] for start in range(0, 24, 6)]
            text = "".join(" ".join(f"w{w}/t{w % 3}" for w in line) + "\n" for line in lines)
            (folder / f"d{document:02}").write_text(text)
            digest.update(text.encode())
        (self.folder / "datasets" / f"{name}.toml").write_text(
            'about = "tiny"\ntask = "tagging"\nreader = "word_tag"\nlicence = "none"\n'
            'citation = "nobody"\n[[files]]\npath = "d[0-9][0-9]"\ncount = 20\n'
            f'sha256 = "{digest.hexdigest()}"\n'
        )

    @property
    def environment(self) -> dict[str, str]:
        here = {"POSBENCH_HOME": str(self.folder), "POSBENCH_DATA": str(self.data)}
        return os.environ | here

    def command(self, *words: str | Path) -> list[str]:
        return [str(BUILD / "bin" / "posbench"), "run", *map(str, words)]

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.environment, timeout=300
        )

    def run_well(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        result = self.run(*words)
        assert result.returncode == 0, result.stderr
        return result


def trial_files(out: Path) -> list[Path]:
    return sorted((out / "trials").glob("*.json"))


def records(out: Path) -> dict[str, Any]:
    """Every record by id, less what may differ from run to run."""
    found = {}
    for file in trial_files(out):
        record = json.loads(file.read_text())
        assert record["id"] == file.stem
        del record["provenance"]
        found[file.stem] = record
    return found


def run_json(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "run.json").read_text())
    return content


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
