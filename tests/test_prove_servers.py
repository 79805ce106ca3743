"""Proofs on real servers: databases of their own, and nothing left of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from support import require

from subwright import servers

MINI = ROOT / "tests" / "data" / "prove"
linux = pytest.mark.skipif(sys.platform != "linux", reason="servers are found on Linux")
pytestmark = linux


def binary(database: str, series: str) -> servers.Binary:
    try:
        found: servers.Binary | None = servers.find_or_fetch(database, series)
    except servers.ServerError:
        found = None
    return require(found, f"a server of {database} {series}")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[servers.Server]:
    with servers.start(binary("postgresql", "18")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the small template, and a temporary folder that is empty afterwards."""
    (tmp_path / "templates" / "tests").mkdir(parents=True)
    for name in ("mini.md", "tests/test_mini.py"):
        (tmp_path / "templates" / name).write_bytes((MINI / name).read_bytes())
    temporary = tmp_path / "tmp"
    temporary.mkdir(mode=0o755)
    yield tmp_path
    assert list(temporary.iterdir()) == []


def prove(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "subwright", "prove", "--templates", "templates", *args],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), **environment},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def ask(url: str, *statements: str) -> list[list[object]]:
    """The rows that the last statement gives."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def execute() -> list[list[object]]:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        rows: list[list[object]] = []
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
                rows = [list(row) for row in result] if result.returns_rows else []
        await engine.dispose()
        return rows

    return asyncio.run(execute())


def databases(server: servers.Server) -> list[object]:
    rows = ask(server.url("postgresql+asyncpg"), "SELECT datname FROM pg_database ORDER BY 1")
    return [row[0] for row in rows]


@pytest.mark.parametrize("driver", ["", "+asyncpg", "+psycopg"])
def test_url_gets_a_database_of_its_own(
    folder: Path, postgresql: servers.Server, driver: str
) -> None:
    before = databases(postgresql)
    url = postgresql.url(f"postgresql{driver}")
    done = prove(folder, "--url", url, "--output-format", "json")
    assert done.returncode == 0, done.stderr
    (proof,) = json.loads(done.stdout)["proofs"]
    assert proof["variant"] == "postgresql-18"
    assert (proof["database"], proof["server"]) == ("PostgreSQL", postgresql.version)
    assert databases(postgresql) == before
    tables = ask(
        postgresql.url("postgresql+asyncpg"),
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    )
    assert tables == []


def test_url_without_the_right_is_refused(folder: Path, postgresql: servers.Server) -> None:
    admin = postgresql.url("postgresql+asyncpg")
    ask(admin, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN PASSWORD 'very-secret'")
    before = databases(postgresql)
    url = f"postgresql://guest:very-secret@{postgresql.host}:{postgresql.port}/{postgresql.admin}"
    done = prove(folder, "--url", url)
    assert done.returncode == 2
    assert "no database can be made at `postgresql+asyncpg://guest:***@" in done.stderr
    assert "permission denied" in done.stderr
    assert "help:" in done.stderr
    assert "very-secret" not in done.stdout + done.stderr
    assert databases(postgresql) == before


def test_interrupt_drops_the_database(folder: Path, postgresql: servers.Server) -> None:
    path = folder / "templates" / "mini.md"
    path.write_text(
        path.read_text().replace(
            "session.add(Item", "import time; time.sleep(90)\nsession.add(Item", 1
        )
    )
    before = databases(postgresql)
    process = subprocess.Popen(
        [sys.executable, "-m", "subwright", "prove", "--templates", "templates", "--url", postgresql.url("postgresql")],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while databases(postgresql) == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert databases(postgresql) != before
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert databases(postgresql) == before


def test_server_that_dies_is_said(folder: Path) -> None:
    path = folder / "templates" / "mini.md"
    path.write_text(
        path.read_text().replace(
            "session.add(Item", "import time; time.sleep(6)\nsession.add(Item", 1
        )
    )
    with servers.start(binary("postgresql", "18")) as server:

        def kill_once_it_is_used() -> None:
            deadline = time.monotonic() + 60
            while len(databases(server)) < 4 and time.monotonic() < deadline:
                time.sleep(0.2)
            time.sleep(2)
            os.kill(server.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_once_it_is_used)
        killer.start()
        done = prove(folder, "--url", server.url("postgresql"))
        killer.join()
    assert done.returncode == 1
    assert "mini.md:" in done.stdout
    assert "warning: the database `subwright_prove_" in done.stderr, "it is left behind"
    assert any(word in done.stdout for word in ("Connection", "connection", "closed", "refused"))


def test_full_disk_is_said(folder: Path) -> None:
    temporary = folder / "tmp"
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k,mode=755", "none", str(temporary)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        require(None, "the right to mount a small file system")
    try:
        path = folder / "templates" / "mini.md"
        text = path.read_text()
        path.write_text(
            text.replace(
                "    tests: tests\n", f'      filler.txt: "{"x" * 300_000}"\n    tests: tests\n'
            )
        )
        done = prove(folder)
        assert done.returncode == 2
        assert "No space left on device" in done.stderr
        assert list(temporary.iterdir()) == []
    finally:
        subprocess.run(["umount", str(temporary)], check=True)


@pytest.mark.parametrize(("database", "series"), [("mariadb", "11.8"), ("mysql", "9.7")])
def test_other_engines(folder: Path, database: str, series: str) -> None:
    binary(database, series)
    # pytest's folders are closed to the user that the server runs as
    done = prove(folder, "--database", database, "--version", series, TMPDIR=tempfile.gettempdir())
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{database}-{series}" in done.stdout
