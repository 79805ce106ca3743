"""Several processes check files: they find what one finds, and none is left behind, whatever happens to any."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from benchmarks import corpus
from support import linted

from subwright import files
from subwright.run import workers
from subwright.run.workers import Outcome, Work
from subwright.settings import Settings

FILES = 20

needs_fork = pytest.mark.skipif(
    sys.platform != "linux", reason="a process that is not forked knows nothing of what a test does"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of some agents, which are enough for several processes here."""
    monkeypatch.setattr(workers, "PAYS", 2)
    monkeypatch.setattr(workers, "PART", 1)
    monkeypatch.chdir(tmp_path)
    corpus.write(tmp_path, FILES)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[workers._Helper]:
    """The other processes that were started."""
    helpers: list[workers._Helper] = []
    start = workers._Helper.__init__

    def noted(self: workers._Helper, work: Sequence[Work], settings: Settings) -> None:
        start(self, work, settings)
        helpers.append(self)

    monkeypatch.setattr(workers._Helper, "__init__", noted)
    return helpers


def printed(jobs: int) -> tuple[int, str, str]:
    style = ("--output-format", "json")
    return linted("--no-cache", "--select", "ALL", *style, "--jobs", str(jobs))


def elsewhere(monkeypatch: pytest.MonkeyPatch, do: Callable[[Work], object]) -> None:
    """Do something before each file that another process than this one checks."""
    check, here = workers._check, os.getpid()

    def changed(work: Work, settings: Settings) -> Outcome:
        if os.getpid() != here:
            do(work)
        return check(work, settings)

    monkeypatch.setattr(workers, "_check", changed)


@pytest.mark.parametrize("jobs", [2, 3, 30])
def test_processes_find_the_same(project: Path, started: list[workers._Helper], jobs: int) -> None:
    assert printed(jobs) == printed(1)
    assert len(started) == min(jobs - 1, FILES)
    assert not any(helper.given or helper._lost for helper in started)


@needs_fork
@pytest.mark.parametrize("most", [0, 1, 2])
def test_what_a_killed_process_had_is_checked_by_another(
    project: Path, started: list[workers._Helper], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    done: list[Work] = []

    def die(work: Work) -> None:
        if len(done) == most:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(work)

    expected = printed(1)
    elsewhere(monkeypatch, die)
    assert printed(3) == expected
    # all are killed in the end: these were missed before
    assert [helper._lost for helper in started] == [True, True]


def test_processes_end_where_a_signal_is_ignored(project: Path) -> None:
    expected = printed(1)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert printed(3) == expected
    finally:
        signal.signal(signal.SIGTERM, before)


@needs_fork
@pytest.mark.parametrize("error", [OSError("no disk"), RuntimeError("a bug"), MemoryError()])
def test_what_another_process_cannot_check_is_checked_here(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(work: Work) -> None:
        raise error

    expected = printed(1)
    elsewhere(monkeypatch, fail)
    assert printed(3) == expected
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_read_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = sorted(path.name for path in project.rglob("*.md"))[10]
    content = files.content

    def broken(path: str) -> bytes:
        if path.endswith(name):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return content(path)

    monkeypatch.setattr(files, "content", broken)
    status, _, said = printed(2)
    assert (status, name in said, os.strerror(errno.EIO) in said) == (2, True, True)


def test_where_no_process_can_start_one_does_all(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: workers._Helper, *args: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(workers._Helper, "__init__", none)
    assert printed(3) == printed(1)


def lint(project: Path) -> None:
    os.chdir(project)
    (project / "said").write_text(repr(printed(2)))


@needs_fork
def test_a_daemon_lints_alone(project: Path) -> None:
    """It may have no processes of its own."""
    context = multiprocessing.get_context("fork")
    daemon = context.Process(target=lint, args=(project,), daemon=True)
    daemon.start()
    daemon.join()
    assert (project / "said").read_text() == repr(printed(1))


@needs_fork
def test_beside_other_threads_no_process_is_forked(
    project: Path, started: list[workers._Helper]
) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        found = printed(2)
    finally:
        done.set()
        other.join()
    assert found == printed(1)
    assert started == []
    assert printed(2) == found
    assert len(started) == 1


@pytest.mark.parametrize("length", [1, 2, 7, 300, 5000])
@pytest.mark.parametrize("jobs", [2, 3, 64])
def test_each_file_is_in_one_part(length: int, jobs: int) -> None:
    parts = list(workers._parts(length, jobs))
    assert [at for part in parts for at in part] == list(range(length))
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1
    assert sizes[0] <= workers.PART


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes where Linux shows them")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_no_process(tmp_path: Path, sent: signal.Signals) -> None:
    corpus.write(tmp_path, 1500)
    command = [sys.executable, "-m", "subwright", "lint", "--no-cache", "--jobs", "3"]
    run = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    others: list[str] = []
    while run.poll() is None and len(others) < 2:
        time.sleep(0.005)
        others = children.read_text().split()
    assert len(others) == 2
    # a terminal interrupts all of its processes
    (os.killpg if sent == signal.SIGINT else os.kill)(run.pid, sent)
    _, said = run.communicate()
    assert (run.returncode, said) == (130 if sent == signal.SIGINT else -sent, "")
    end = time.monotonic() + 20
    while left := [
        pid for pid in others if Path(f"/proc/{pid}").exists() and "Z" not in state(pid)
    ]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.01)


def state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
