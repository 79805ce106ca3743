"""The benchmarks run: the corpus is what it says it is, and each row measures what it names. No time is looked at."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from benchmarks import corpus, rows
from benchmarks.__main__ import report
from benchmarks.measure import BenchmarkError, Command, compare, peak_memory, taken
from benchmarks.peers import Peer, unseen
from benchmarks.rows import ROWS, Bench, Row
from support import ROOT

from subwright.agent import Agent
from subwright.linter import check_agent, settle
from subwright.rules import every

PROGRAMS = Path(sysconfig.get_path("scripts"))


def draw_all(files: int) -> Iterator[tuple[str, bytes]]:
    for name, head, body in corpus.texts(files):
        yield name, f"---\n{head}---\n{body}".encode()


def findings(raw: bytes) -> set[str]:
    rules = list(every().values())
    checked = check_agent(Agent.of("agent.md", raw), rules)
    return {found.rule or "" for found in settle(checked, rules)}


# The corpus


@pytest.fixture(scope="module")
def texts() -> dict[str, bytes]:
    return dict(draw_all(400))


def test_the_corpus_is_the_same_each_time(texts: dict[str, bytes]) -> None:
    assert dict(draw_all(400)) == texts


def test_files_are_distinct(texts: dict[str, bytes]) -> None:
    assert len(texts) == 400
    assert len({raw.partition(b"\n---\n")[2] for raw in texts.values()}) == 400


def test_sizes_are_like_the_public_ones(texts: dict[str, bytes]) -> None:
    sizes = sorted(map(len, texts.values()))
    assert 6_900 < median(sizes) < 7_100
    assert sum(size > 50_000 for size in sizes) == 4  # one in a hundred
    assert 6_600 < sum(sizes) / len(sizes) < 7_000  # 20 MB by 3,000 files


def test_sound_files_have_no_defect() -> None:
    for number in range(20):
        head, body = corpus.agent(corpus.Draw(str(number)), "sound", 7000)
        assert findings(f"---\n{head}---\n{body}".encode()) <= TASTE


def test_one_file_in_twenty_has_a_defect(
    texts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "DEFECT", {"none": lambda head, body: (head, body)})
    sound = dict(draw_all(400))
    assert sum(sound[name] != raw for name, raw in texts.items()) == 20


# what sound files of the corpus are found to be: no defects of the making
TASTE = {"long-description", "trailing-blank", "unparsable-code", "odd-name"}
ACROSS = {"same name"}


@pytest.mark.parametrize("kind", sorted(corpus.DEFECT.keys() - ACROSS))
def test_each_defect_is_one(kind: str) -> None:
    head, body = corpus.agent(corpus.Draw(kind), "sound-agent", 3000)
    sound = findings(f"---\n{head}---\n{body}".encode())
    head, body = corpus.DEFECT[kind](head, body)
    assert findings(f"---\n{head}---\n{body}".encode()) - sound


def test_code_that_does_not_parse_and_lists_are_among_them(texts: dict[str, bytes]) -> None:
    assert any("unparsable-code" in findings(raw) for raw in list(texts.values())[:100])
    lines = b"\n".join(texts.values()).splitlines()
    assert sum(line.lstrip().startswith((b"- ", b"1. ")) for line in lines) > len(lines) / 4


def test_the_script_writes_it(tmp_path: Path) -> None:
    args: list[str | Path] = [
        sys.executable,
        "-m",
        "benchmarks.corpus",
        tmp_path / "made",
        "--files",
        "20",
    ]
    printed = subprocess.run(args, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    written = list((tmp_path / "made/.claude/agents").iterdir())
    assert printed.startswith("20 files, ")
    assert {path.stem: path.read_bytes() for path in written} == dict(draw_all(20))


# The rows


def counting(files: int) -> Peer:
    """What says that it checked that many files."""
    return Peer("one that counts", (sys.executable, "-c", f"print('\"files_checked\": {files},')"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    others = {
        "agnix-off": Peer("one that is not there", missing="it cannot be installed here"),
        "agnix": counting(12),
        "cclint": Peer("one that is", (str(PROGRAMS / "subwright"), "lint")),
    }
    return Bench(PROGRAMS, tmp_path, files=12, rounds=1, others=others, growth=(6, 12))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_each_row_measures(row: rows.Measure, bench: Bench) -> None:
    found = list(row(bench))
    assert found
    table = report(found, bench)
    for each in found:
        assert f"| {each.what} |" in table
        assert each.target
        assert each.ours or each.ratio


def test_what_is_missing_is_said(bench: Bench) -> None:
    found = {row.against: row for row in rows.beside_others(bench)}
    assert found["one that is not there"].ratio == "it cannot be installed here"
    assert found["one that is not there"].met is None
    assert found["one that is"].met is not None


def test_a_linter_that_leaves_files_out_is_found(bench: Bench) -> None:
    folder = bench.folder(12, witness=True)
    assert not unseen(bench.ours(folder, "lint"), folder)
    some = bench.ours(folder, "lint", min((folder / ".claude/agents").iterdir()))
    assert len(unseen(some, folder)) == 11


def test_a_count_that_is_not_of_all_files_is_no_measurement(bench: Bench) -> None:
    short = dataclasses.replace(bench, others={"agnix": counting(11)})
    with pytest.raises(BenchmarkError, match="did not lint all 12 files"):
        list(rows.beside_agnix(short))


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    good, bad = (Command((sys.executable, "-c", f"exit({code})"), tmp_path) for code in (0, 3))
    assert compare(good, [good], 1)[0].clock > 0
    with pytest.raises(BenchmarkError, match="exit status 3"):
        compare(good, [bad], 1)


def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    child = "import time; held = bytearray(b'x' * 50_000_000); time.sleep(0.5)"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    held = peak_memory(Command((sys.executable, "-c", parent), tmp_path))
    assert held is None or held > 50_000_000


def test_the_table_says_what_is_met(bench: Bench) -> None:
    found = [Row("a", "b", target="c", met=met) for met in (True, False, None)]
    ends = [line.split("|")[-2].strip() for line in report(found, bench).splitlines()[-3:]]
    assert ends == ["met", "not met", ""]


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_processor_time_is_finer_than_a_hundredth(tmp_path: Path) -> None:
    took = [taken(Command((sys.executable, "-c", "pass"), tmp_path)).processors for _ in range(3)]
    assert all(0 < each < 5 for each in took)
    assert any(abs(each * 100 - round(each * 100)) > 1e-6 for each in took)
