"""MySQL and MariaDB."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from subwright.servers.binary import Binary, Server, ServerError, programs, read_version
from subwright.servers.process import HOST, Keeper, keeping
from subwright.servers.sources import series_of

USER = "root"
# the server holds what can be made again: nothing has to survive a crash, and little memory does
_SETTINGS = {
    "bind_address": HOST,
    "skip_name_resolve": "ON",
    "innodb_buffer_pool_size": "32M",
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_doublewrite": "0",
    "innodb_log_buffer_size": "2M",
    "table_open_cache": "400",
    "skip_log_bin": "ON",
}
_OWN_SETTINGS = {
    "mysql": {
        "loose_mysqlx": "OFF",
        "loose_innodb_redo_log_capacity": "16M",
        "innodb_flush_method": "nosync",
        # else Debian's build looks for a folder of its package
        "secure_file_priv": "NULL",
    },
    "mariadb": {"debug_no_sync": "ON", "innodb_log_file_size": "16M"},
}


def find(database: str) -> Iterator[Binary]:
    """What is installed."""
    for program in programs("mysqld", "mariadbd"):
        version, words = read_version([str(program)])
        # either may go by the name `mysqld`
        if version and ("mariadb" if "MariaDB" in words else "mysql") == database:
            yield Binary(database, version, series_of(database, version), program, "PATH")


@contextmanager
def start(binary: Binary, settings: Mapping[str, str]) -> Iterator[Server]:
    """A server with a user `root`; settings are those of my.cnf."""
    password = secrets.token_hex(16)
    # nothing of it is needed any more, so it may as well be killed
    with keeping(binary, signal.SIGKILL) as (readable, keeper):
        data = keeper.folder / "data"
        chosen = {**_SETTINGS, **_OWN_SETTINGS[binary.database]}
        options = [*readable.command, "--no-defaults", f"--datadir={data}", *_places(readable)]
        options += [f"--{name}={value}" for name, value in chosen.items()]
        _make(readable, options, keeper)
        words = [f"--{name}={value}" for name, value in settings.items()]
        # relative to the data: the whole path may be longer than a socket's may be
        words += ["--socket=socket", "--pid-file=pid"]
        words.append(f"--init-file={keeper.write('init.sql', _login(binary, password))}")
        port = keeper.serve(lambda port: [*options, f"--port={port}", *words], answers)
        yield Server(binary, HOST, port, USER, password, "mysql", keeper=keeper)


def _places(binary: Binary) -> list[str]:
    top = binary.path.parents[1]
    share = _share(binary)
    return [
        f"--basedir={top}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share}/charsets",
    ]


def _share(binary: Binary) -> Path:
    for name in (binary.database, "mysql"):
        folder = binary.path.parents[1] / "share" / name
        if folder.is_dir():
            return folder
    raise ServerError(f"`{binary.path}` has no folder `share/{binary.database}` beside it")


def _make(binary: Binary, options: list[str], keeper: Keeper) -> None:
    if binary.database == "mysql":
        keeper.run([*options, "--initialize-insecure"])
        return
    # what mariadb-install-db does, which is a script of another package
    share = _share(binary)
    # every statement ends its own line
    script = "create database if not exists mysql;\nuse mysql;\n"
    script += "set @auth_root_socket=NULL;\nset @skip_auth_anonymous=1;\n"
    for part in ("system_tables", "performance_tables", "system_tables_data"):
        # named for either database, by age
        found = sorted(share.glob(f"m*_{part}.sql"))
        if not found:
            raise ServerError(f"`{share}` holds no `mariadb_{part}.sql`")
        script += found[0].read_text(encoding="utf-8")
    keeper.make_folder("data")
    keeper.run([*options, "--bootstrap"], feed=keeper.write("bootstrap.sql", script))


def _login(binary: Binary, password: str) -> str:
    # names are not resolved, so this is the address that the user comes from
    user = f"'{USER}'@'{HOST}'"
    create = "CREATE OR REPLACE USER" if binary.database == "mariadb" else "CREATE USER"
    return (
        f"{create} {user} IDENTIFIED BY '{password}';\n"
        f"GRANT ALL PRIVILEGES ON *.* TO {user} WITH GRANT OPTION;\n"
    )


def answers(port: int) -> bool:
    """Whether the server at a port is ready: it speaks first, a greeting or an error."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            packet = connection.recv(5)
            # four bytes of length and number, then the protocol's version
            return len(packet) == 5 and packet[4] == 10
    except OSError:
        return False
