"""What images, URLs and packages say of a database: tables, and how a name is looked up in them."""

from __future__ import annotations

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """The databases that something may stand for, the likeliest first, and what else it says."""

    databases: tuple[str, ...]
    version: str = ""
    driver: str = ""


_POSTGRESQL = ("postgresql",)
# SQLAlchemy's dialect and most drivers serve both
_MYSQL = ("mysql", "mariadb")

_IMAGES = {
    "alloydbomni": "postgresql",
    "azure-sql-edge": "mssql",
    "cockroach": "cockroachdb",
    "mariadb": "mariadb",
    "mariadb-galera": "mariadb",
    "mongo": "mongodb",
    "mongodb": "mongodb",
    "mongodb-atlas-local": "mongodb",
    "mongodb-community-server": "mongodb",
    "mongodb-enterprise-server": "mongodb",
    "mssql/server": "mssql",
    "mysql": "mysql",
    "mysql-server": "mysql",
    "mysql/community-server": "mysql",
    "mysql/enterprise-server": "mysql",
    "oracle-free": "oracle",
    "oracle-xe": "oracle",
    "paradedb": "postgresql",
    "percona": "mysql",
    "percona-distribution-postgresql": "postgresql",
    "percona-server": "mysql",
    "percona-server-mongodb": "mongodb",
    "pgvector": "postgresql",
    "postgis": "postgresql",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql-repmgr": "postgresql",
    "timescaledb": "postgresql",
    "timescaledb-ha": "postgresql",
}
# their tags begin with the version of the extension
_EXTENSIONS = ("alloydbomni", "paradedb", "pgvector", "timescaledb", "timescaledb-ha")
_IMAGE = re.compile(
    r"(?:[\w.:-]+/)*?(?P<name>(?:(?P<parent>[\w.-]+)/)?(?P<last>[\w.-]+))(?::(?P<tag>[\w.-]*))?(?:@[\w:]+)?",
    re.ASCII,
)
_PG = re.compile(r"(?<![a-z])pg-?(\d+(?:\.\d+)?)", re.IGNORECASE)
_LEADING = re.compile(r"v?(\d{1,4}(?:\.\d{1,4})*)(?![\w])")

_SCHEMES: dict[str, tuple[str, ...]] = {
    "cockroachdb": ("cockroachdb",),
    "mariadb": ("mariadb",),
    "mongodb": ("mongodb",),
    "mssql": ("mssql",),
    "mysql": _MYSQL,
    "oracle": ("oracle",),
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "sqlite": ("sqlite",),
}
URL = re.compile(rf"({'|'.join(_SCHEMES)})(?:\+(\w+))?:/", re.IGNORECASE)

_PACKAGES = {
    "aiomysql": Meaning(_MYSQL, driver="aiomysql"),
    "aioodbc": Meaning(("mssql",)),
    "aiosqlite": Meaning(("sqlite",), driver="aiosqlite"),
    "asyncmy": Meaning(_MYSQL, driver="asyncmy"),
    "asyncpg": Meaning(_POSTGRESQL, driver="asyncpg"),
    "beanie": Meaning(("mongodb",)),
    "cx-oracle": Meaning(("oracle",)),
    "mariadb": Meaning(("mariadb",)),
    "mongoengine": Meaning(("mongodb",)),
    "motor": Meaning(("mongodb",)),
    "mysql-connector-python": Meaning(_MYSQL),
    "mysqlclient": Meaning(_MYSQL),
    "odmantic": Meaning(("mongodb",)),
    "oracledb": Meaning(("oracle",)),
    "pgvector": Meaning(_POSTGRESQL),
    "psycopg": Meaning(_POSTGRESQL, driver="psycopg"),
    "psycopg2": Meaning(_POSTGRESQL),
    "psycopg2-binary": Meaning(_POSTGRESQL),
    "pymongo": Meaning(("mongodb",)),
    "pymssql": Meaning(("mssql",)),
    "pymysql": Meaning(_MYSQL),
    "sqlalchemy-cockroachdb": Meaning(("cockroachdb",)),
}
# extras of SQLAlchemy and of others that install a driver
_EXTRAS = {
    **{name: _PACKAGES[name] for name in ("aiomysql", "aiosqlite", "asyncmy", "asyncpg")},
    "mariadb-connector": Meaning(("mariadb",)),
    "mysql": Meaning(_MYSQL),
    "postgresql": Meaning(_POSTGRESQL),
    "postgresql-asyncpg": _PACKAGES["asyncpg"],
    "postgresql-psycopg": _PACKAGES["psycopg"],
    "postgresql-psycopg2binary": Meaning(_POSTGRESQL),
    "postgresql-psycopgbinary": _PACKAGES["psycopg"],
    "pymysql": Meaning(_MYSQL),
}
# packages that a lock file is searched for
NAMES = ("sqlalchemy", *_PACKAGES)


def without_owner(image: str) -> str:
    """The part of an image's name that says which database it is."""
    return image if image.lower() in _IMAGES else image.rpartition("/")[2]


def image(text: str) -> tuple[str, str, Meaning] | None:
    """The name of an image without its registry, its tag, and what it says; None where it is no database."""
    found = _IMAGE.fullmatch(text.strip())
    if found is None:
        return None
    last, tag = found["last"].lower(), found["tag"] or ""
    database = _IMAGES.get(found["name"].lower()) or _IMAGES.get(last)
    if database is None:
        return None
    version = _PG.search(tag) if database == "postgresql" else None
    if version is None and last not in _EXTENSIONS:
        version = _LEADING.match(tag)
    return found["name"], tag, Meaning((database,), version[1] if version else "")


def url(text: str) -> tuple[str, Meaning] | None:
    """The dialect that a URL begins with, and what it says; the rest of it is a secret and not looked at."""
    found = URL.match(text.strip().strip("\"'"))
    if found is None:
        return None
    dialect, driver = found[1].lower(), (found[2] or "").lower()
    meaning = Meaning(_SCHEMES[dialect], driver=driver.removesuffix("_async"))
    return dialect + (f"+{driver}" if driver else ""), meaning


def package(name: str, extras: str = "") -> list[Meaning]:
    """What it says of the database that a project requires a package, with extras: each may be of another driver."""
    given = [found for extra in extras.split(",") if (found := _EXTRAS.get(_normal(extra)))]
    own = _PACKAGES.get(_normal(name))
    return list(dict.fromkeys(given)) or ([own] if own else [])


def is_of_interest(name: str, extras: str = "") -> bool:
    """Whether a package says something of the database, or is SQLAlchemy."""
    return _normal(name) == "sqlalchemy" or package(name, extras) != []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip().lower())
