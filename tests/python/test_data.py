"""posbench data, from a source tree with a few tiny data sets of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("POSBENCH_BUILD", Path(__file__).parent.parent.parent / "build"))

pytestmark = pytest.mark.skipif(
    not (BUILD / "bin" / "posbench").exists(), reason=f"no build in {BUILD}"
)

TEXT = "a/at b/nn\nc/vb\n" * 2000


def manifest(files: str, source: str = "", tail: str = "") -> str:
    text = 'about = "tiny"\ntask = "tagging"\nreader = "word_tag"\nlicence = "none"\n'
    return f'{text}citation = "nobody"\nunit = "example"\n{tail}\n{files}\n{source}\n'


def one_file(text: str = TEXT, path: str = "words.txt") -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'[[files]]\npath = "{path}"\nsha256 = "{digest}"'


class Tree:
    """A home with manifests, a place for data, and `posbench data` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        for part in ("datasets", "bench/studies"):
            (folder / "home" / part).mkdir(parents=True)

    def add(self, name: str, text: str) -> None:
        (self.folder / "home" / "datasets" / f"{name}.toml").write_text(text)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k != "POSBENCH_DATA_MIRROR"}
        environment |= {"POSBENCH_HOME": str(self.folder / "home"), "POSBENCH_DATA": str(self.data)}
        return subprocess.run(
            [str(BUILD / "bin" / "posbench"), "data", *map(str, words)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )

    def run_well(self, *words: str | Path) -> str:
        result = self.run(*words)
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


class WholeFiles(SimpleHTTPRequestHandler):
    """A server that knows no ranges: it sends all of a file, whatever is asked for."""

    sent: list[int] = []

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = Path(self.translate_path(self.path)).read_bytes()
        begin = self.begin(body)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        self.wfile.write(body[begin:])
        self.sent.append(len(body) - begin)

    def begin(self, body: bytes) -> int:
        return 0


class Ranges(WholeFiles):
    """A server that sends what stands behind the bytes that the client has."""

    def begin(self, body: bytes) -> int:
        asked = self.headers.get("Range", "bytes=0-")
        return int(asked.removeprefix("bytes=").split("-")[0])


@pytest.fixture(params=[WholeFiles, Ranges])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    handler: type[WholeFiles] = request.param
    handler.sent = []

    def make(*given: object) -> WholeFiles:
        return handler(*given, directory=str(tmp_path / "site"))  # type: ignore[arg-type]

    http = ThreadingHTTPServer(("127.0.0.1", 0), make)
    http.handler = handler  # type: ignore[attr-defined]
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


def test_an_interrupted_download_goes_on(tree: Tree, server: ThreadingHTTPServer) -> None:
    tree.write("site/words.txt", TEXT)
    url = f"http://127.0.0.1:{server.server_port}"
    tree.add("tiny", manifest(one_file(), f'[[sources]]\nkind = "files"\nurl = "{url}"'))
    tree.write("data/tiny.part/downloads/words.txt", TEXT[:20000])
    tree.run_well("fetch", "tiny")
    assert (tree.data / "tiny" / "words.txt").read_text() == TEXT
    assert not (tree.data / "tiny.part").exists()
    handler: type[WholeFiles] = server.handler  # type: ignore[attr-defined]
    if handler is Ranges:
        assert handler.sent == [len(TEXT) - 20000]


def test_fetch_without_names_goes_on_when_one_fails(tree: Tree) -> None:
    site = tree.write("site/words.txt", TEXT).parent
    nowhere = f'[[sources]]\nkind = "files"\nurl = "file://{tree.folder}/nowhere"'
    tree.add("a_lost", manifest(one_file(), nowhere))
    tree.add("b_kept", manifest(one_file(), f'[[sources]]\nkind = "files"\nurl = "file://{site}"'))
    tree.add("c_again", manifest("", tail='files_of = "b_kept"\noptions.lower_case_tags = true'))
    tree.add("d_mirrored", manifest(one_file()))
    result = tree.run("fetch")
    assert result.returncode == 2
    assert "could not fetch a_lost" in result.stderr
    assert "b_kept: verified" in result.stderr
    assert "d_mirrored: left out, only a mirror has it" in result.stderr
    assert [each.name for each in tree.data.iterdir()] == ["b_kept"], "shared, not stored twice"
    assert "c_again: 1 files verified" in tree.run_well("verify", "c_again")
    everything = tree.run_well("verify")
    assert "b_kept: 1 files verified" in everything
    assert "data set a_lost is not on this machine" in everything
    assert tree.run("verify", "a_lost").returncode == 2


def test_a_mirror_is_asked_first(tree: Tree) -> None:
    tree.write("mirror/elsewhere/words.txt", TEXT)
    tree.add("tiny", manifest(one_file(), tail='mirror = "elsewhere"'))
    assert "tiny: verified" in tree.run_well("fetch", "--mirror", tree.folder / "mirror")
    assert "here: " + str(tree.data / "tiny") in tree.run_well("list")


MINE = """task = "tagging"
reader = "word_tag"
unit = "example"
[[files]]
path = "train.txt"
side = "train"
[[files]]
path = "test.txt"
side = "test"
"""


def test_show_tells_what_training_will_meet(tree: Tree) -> None:
    mine = tree.write("mine/mine.toml", MINE)
    tree.write("mine/train.txt", "the/at cat/nn sat/vbd\n" * 10)
    tree.write("mine/test.txt", "the/at dog/nn ran/vbz\n" * 4)
    shown = " ".join(tree.run_well("show", mine).split())
    for told in (
        "train 10 examples 10 documents",
        "test 4 examples 4 documents",
        "0 9 1 4 0",  # split 0: a tenth of training is for development
        "labels: 4",
        "at 14 33.3 %",
        "vbz 4 9.5 %",
        "p50 3, p90 3, p99 3, max 3",
        "test 8 of 12 words (66.7 %); labels: vbz (4)",
        "dev 0 of 3 words (0.0 %); labels: none",
        "the/at cat/nn sat/vbd",
    ):
        assert told in shown, told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show",), "say which data set"),
        (("show", "./no.toml"), "no.toml"),
        (("show", "tyni"), "unknown data set 'tyni'; did you mean 'tiny'?"),
        (("show", "tiny"), "posbench data fetch tiny --mirror DIR"),
        (("shwo",), "did you mean 'show'?"),
        ((), "say fetch, verify, list or show"),
    ],
)
def test_bad_input(tree: Tree, words: tuple[str, ...], told: str) -> None:
    tree.add("tiny", manifest(one_file()))
    result = tree.run(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and told in result.stderr
    assert result.stdout == ""
