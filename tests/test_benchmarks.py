"""The benchmarks run: the corpus is what it says it is, and each row measures what it names. No time is looked at."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from benchmarks import corpus, report, rows
from benchmarks.measure import BenchmarkError, Command, Taken, compare, peak_memory, taken
from benchmarks.peers import Peer, unseen
from benchmarks.rows import ROWS, Bench, Row, Target
from support import ROOT

from subwright import __version__
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
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(tmp_path / "cache-of-others"))
    others = {
        "agnix-off": Peer("one that is not there", missing="it cannot be installed here"),
        "agnix": counting(12),
        "cclint": Peer("one that is", (str(PROGRAMS / "subwright"), "lint")),
    }
    return Bench(PROGRAMS, tmp_path, files=12, rounds=1, others=others, growth=(4, 8, 12))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_each_row_measures(row: rows.Measure, bench: Bench) -> None:
    found = list(row(bench))
    assert found
    table = report.results(found, bench, report.conditions())
    for each in found:
        assert f"| {each.what} |" in table
        assert each.target
        assert each.ours or each.ratio


@pytest.mark.parametrize(
    ("slower", "spread", "verdict"), [(0.0, "0%", "met"), (0.01, "25%", "not met")]
)
def test_growth_is_of_files_and_not_of_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, slower: float, spread: str, verdict: str
) -> None:
    def linted(command: Command) -> Taken:
        command.prepare()
        files = len(list((Path(command.cwd) / ".claude/agents").iterdir()))
        seconds = 100 + files * (0.05 + slower * files / 4)  # a long start
        return Taken(seconds, seconds)

    monkeypatch.setattr(rows, "taken", linted)
    [row] = rows.growth(bench)
    assert (row.ratio, row.verdict) == (f"spread of {spread}", verdict)


def test_what_is_missing_is_said(bench: Bench) -> None:
    found = {row.against: row for row in rows.beside_others(bench)}
    assert found["one that is not there"].ratio == "it cannot be installed here"
    assert found["one that is not there"].verdict == ""
    assert found["one that is"].verdict != ""


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


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_processor_time_is_finer_than_a_hundredth(tmp_path: Path) -> None:
    took = [taken(Command((sys.executable, "-c", "pass"), tmp_path)).processors for _ in range(3)]
    assert all(0 < each < 5 for each in took)
    assert any(abs(each * 100 - round(each * 100)) > 1e-6 for each in took)


def test_a_target_says_what_is_met() -> None:
    both, one = Target(6, 3), Target(1 / 50)
    assert (str(both), str(one)) == ("at most 6, stretch 3", "at most 1/50")
    assert [both.verdict(ratio) for ratio in (3, 6, 6.1)] == ["stretch met", "met", "not met"]
    assert [one.verdict(ratio) for ratio in (0.02, 0.03)] == ["met", "not met"]


# The report

TIMES = {"ours": "2.10 s", "theirs": "1.40 s", "ratio": "1.50", "processors": "1.40"}
FOUND = [
    Row("`lint` of 3,000 files, cold", against=rows.COMPOSE, **TIMES, verdict="stretch met"),
    Row("`lint` of 3,000 files, cold", against="agnix 1", **TIMES, verdict="not met"),
    Row("`lint` of 3,000 files, cold", against="cclint 1", ratio="it cannot be installed here"),
    Row("`lint` of 3,000 files, warm", against="reading", **TIMES, verdict="met"),
    Row("`lint` of 3,000 files after one changed", against=rows.WARM, **TIMES),
    Row("`subwright --help`", against="`import click`", **TIMES),
]


@pytest.fixture
def results(bench: Bench) -> str:
    return report.results(FOUND, bench, report.conditions())


def test_results_say_where_they_were_measured(results: str) -> None:
    facts = re.findall(r"^\| ([\w ]+) \| .+ \|$", results.partition("| what")[0], re.MULTILINE)
    load = [] if sys.platform == "win32" else ["load average at the start"]
    assert facts == ["date", "machine", "processor", "Python", *load, "linters", "runs"]
    assert f"| subwright {__version__}, one that counts, one that is |" in results


def test_the_table_says_what_is_met(results: str) -> None:
    ends = [line.split("|")[-2].strip() for line in results.splitlines()[-6:]]
    assert ends == ["stretch met", "not met", "", "met", "", ""]


def test_the_readme_shows_what_a_user_wants_to_know(results: str) -> None:
    lines = report.summary(results).strip().splitlines()
    assert lines[-3:] == [
        "|---|---|---|---|---|",
        "| `lint` of 3,000 files, cold | 2.10 s | agnix 1 | 1.40 s | 1.50 |",
        "| `lint` of 3,000 files, warm | 2.10 s | reading | 1.40 s | 1.50 |",
    ]
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", lines[0])


def test_what_was_measured_is_written_to_both(
    results: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RESULTS", "README"):
        monkeypatch.setattr(report, name, tmp_path / f"{name}.md")
    report.README.write_text(f"# Us\n{report.START}old\n{report.END}The rest.\n", encoding="utf-8")
    report.write(results)
    assert report.RESULTS.read_text(encoding="utf-8") == results
    readme = report.README.read_text(encoding="utf-8")
    assert readme.startswith(f"# Us\n{report.START}\nWhat runs")
    assert readme.endswith(f"\n{report.END}The rest.\n")
    assert report.with_summary(readme, results) == readme
    # it does not hold for other results, nor for another README
    assert report.with_summary(readme, results.replace("2.10 s", "2.20 s")) != readme
    changed = readme.replace("1.50", "0.50")
    assert report.with_summary(changed, results) != changed


def test_the_readme_says_what_the_results_say(snapshot: Callable[[Path, str], None]) -> None:
    readme = report.README.read_text(encoding="utf-8")
    if report.RESULTS.exists():
        results = report.RESULTS.read_text(encoding="utf-8")
        snapshot(report.README, report.with_summary(readme, results))
        assert report.summary(results).count("\n| `lint` ") <= 6
    else:
        assert report.START + report.END in readme


def test_a_quick_look_is_not_written() -> None:
    args = [sys.executable, "-m", "benchmarks", "--quick", "--write"]
    done = subprocess.run(args, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "not allowed with" in done.stderr
