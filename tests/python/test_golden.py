"""Golden vectors are what their script makes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden"


def test_golden_vectors_of_encodings_are_made_anew_to_the_byte(tmp_path: Path) -> None:
    pytest.importorskip("mpmath")
    for script in ("files.py", "make_encoding_golden.py"):
        shutil.copy(GOLDEN / script, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make_encoding_golden.py")], check=True)
    made = {file.name: file.read_text() for file in (tmp_path / "encodings").iterdir()}
    kept = {file.name: file.read_text() for file in (GOLDEN / "encodings").iterdir()}
    assert made == kept
