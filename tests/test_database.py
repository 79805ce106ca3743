"""The fact files: their form, and what a template reads from them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from subwright import data
from subwright.database import (
    Database,
    FactError,
    Stack,
    VersionError,
    find_database,
    known,
    load,
    numbers,
)
from subwright.errors import SubwrightError

DATABASES = load(data.folder("templates") / "databases")


def at(name: str, version: str) -> Stack:
    return DATABASES[name].at(version, None, DATABASES.values())


def test_series() -> None:
    assert {name: [s.version for s in d.series] for name, d in DATABASES.items()} == {
        "postgresql": ["14", "15", "16", "17", "18"],
        "mysql": ["8.0", "8.4", "9.7"],
        "mariadb": ["10.6", "10.11", "11.4", "11.8", "12.3"],
        "sqlite": ["3.35", "3.42", "3.45", "3.53"],
    }
    assert {name: d.default_series.version for name, d in DATABASES.items()} == {
        "postgresql": "18",
        "mysql": "9.7",
        "mariadb": "11.8",
        "sqlite": "3.53",
    }
    assert {name: [driver.name for driver in d.drivers] for name, d in DATABASES.items()} == {
        "postgresql": ["asyncpg", "psycopg"],
        "mysql": ["aiomysql", "asyncmy"],
        "mariadb": ["aiomysql", "asyncmy"],
        "sqlite": ["aiosqlite"],
    }


@pytest.mark.parametrize("database", DATABASES.values(), ids=lambda d: d.name)
def test_form(database: Database) -> None:
    versions = [numbers(series.version) for series in database.series]
    assert versions == sorted(versions)
    for series in database.series:
        for day in (series.released, series.eol):
            if day:
                date.fromisoformat(day)
        assert not (series.released and series.eol) or series.released < series.eol
    assert date.fromisoformat(database.as_of)
    assert database.isolation.default in database.isolation.levels
    for driver in database.drivers:
        assert driver.url.startswith(f"{driver.dialect}://")
        assert driver.dialect.endswith(f"+{driver.name}")
        assert driver.requires.startswith("sqlalchemy[")
    for name, error in database.errors.items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert error.code
        assert error.source
    for name, feature in database.features.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert feature.claim, name
        assert feature.source, name
        assert feature.basis in ("live", "documented"), name
        assert not (feature.absent and feature.since), name
        for version in (feature.since, feature.removed):
            assert not version or numbers(version), name


@pytest.mark.parametrize("database", DATABASES.values(), ids=lambda d: d.name)
def test_what_was_seen_agrees_with_the_first_version(database: Database) -> None:
    """`seen` lists the versions on which the check ran: none that holds is before `since`, none that lacks after."""
    for name, feature in database.features.items():
        if not feature.since:
            continue
        since = numbers(feature.since)
        for version in feature.seen.get("holds", ()):
            assert numbers(re.sub(r"[^0-9.].*", "", version)) >= since, (name, version)
        for version in feature.seen.get("lacks", ()):
            assert numbers(re.sub(r"[^0-9.].*", "", version)) < since, (name, version)


@pytest.mark.parametrize(
    ("name", "version", "feature", "has"),
    [
        ("postgresql", "17", "uuidv7", False),
        ("postgresql", "18", "uuidv7", True),
        ("postgresql", "14", "merge", False),
        ("postgresql", "15", "merge", True),
        ("mysql", "9.7", "insert_returning", False),
        ("mysql", "8.0", "upsert_row_alias", True),  # since 8.0.19
        ("mariadb", "11.8", "insert_returning", True),
        ("mariadb", "11.8", "update_returning", False),
        ("mariadb", "10.6", "native_uuid", False),
        ("mariadb", "10.11", "native_uuid", True),
        ("sqlite", "3.35", "update_returning", True),
        ("sqlite", "3.45", "alter_not_null", False),
        ("sqlite", "3.53", "alter_not_null", True),
        ("sqlite", "3.53", "merge", False),
    ],
)
def test_features_follow_the_version(name: str, version: str, feature: str, has: bool) -> None:
    assert at(name, version).has(feature) is has


def test_unknown_facts_are_errors() -> None:
    with pytest.raises(FactError, match="unknown feature"):
        at("sqlite", "3.45").has("teleport")
    with pytest.raises(FactError, match="no error"):
        at("sqlite", "3.45").error("teleport")


def test_end_of_life_is_by_the_day_of_the_facts() -> None:
    assert at("postgresql", "14").is_eol
    assert not at("postgresql", "15").is_eol
    assert at("mysql", "8.0").is_eol
    assert not at("sqlite", "3.35").is_eol


def test_every_series_understands_itself_and_its_patches() -> None:
    for database in DATABASES.values():
        for series in database.series:
            for version in (series.version, f"{series.version}.7", f" v{series.version}.1-log "):
                assert database.find_series(version, DATABASES.values()) == series


def test_versions_of_other_engines_are_told_apart() -> None:
    for text in ("10.11.6-MariaDB", "5.5.5-10.11.6-MariaDB-log"):
        with pytest.raises(VersionError, match="MariaDB, not of MySQL"):
            DATABASES["mysql"].find_series(text, DATABASES.values())
    with pytest.raises(VersionError) as caught:
        DATABASES["mysql"].find_series("10.11.6", DATABASES.values())
    assert "--database mariadb" in (caught.value.help or "")


@pytest.mark.parametrize(
    "printed",
    [
        "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
        "mysql  Ver 15.1 Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)",
        "5.5.5-10.11.6-MariaDB-log",
        "10.11.6-MariaDB",
    ],
)
def test_what_a_mariadb_server_prints(printed: str) -> None:
    assert DATABASES["mariadb"].find_series(printed, DATABASES.values()).version == "10.11"


def test_aliases() -> None:
    for alias, name in (("pg", "postgresql"), ("Postgres", "postgresql"), ("sqlite3", "sqlite")):
        found = find_database(alias, DATABASES)
        assert found is not None
        assert found.name == name
    assert find_database("mongodb", DATABASES) is None


GOOD = """\
name: x
title: X
as_of: 2026-01-01
series: [{version: "1"}]
drivers: [{name: d, dialect: x+d, url: "x+d://h", requires: "sqlalchemy[x]"}]
isolation: {default: A, levels: [A]}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: X\n", "", "`title` is missing or empty"),
        ("title: X", "title: [X]", "x.yaml:2: `title` is not of its form"),
        ("title: X", "title: A --- B", "x.yaml:2: `title` is not of its form"),
        ("2026-01-01", "yesterday", "x.yaml:3: `as_of` is not of its form"),
        ('[{version: "1"}]', "[]", "`series` is missing or empty"),
        ('[{version: "1"}]', "5", "x.yaml:4: `series` is not of its form"),
        ('version: "1"', "version: one", "x.yaml:4: `series` is not of its form"),
        ('version: "1"', 'version: "1", eoll: x', "x.yaml:4: `series` .*eoll"),
        ("levels: [A]", "level: [A]", "x.yaml:6: `isolation` lacks `levels`"),
        ("isolation", "feature: {}\nisolation", "x.yaml:6: unknown key `feature`"),
        (GOOD, "- a\n", "x.yaml:1: a fact file is a mapping"),
        (GOOD, "name: [\n", "not YAML"),
    ],
)
def test_wrong_fact_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    (tmp_path / "x.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(SubwrightError, match=message):
        load(tmp_path)


def test_a_small_fact_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GOOD)
    assert load(tmp_path)["x"].at("1").driver.name == "d"


def test_known_are_those_of_the_package_and_own_ones(tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    for name in ("sqlite", "x"):
        text = GOOD.replace("name: x", f"name: {name}")
        (tmp_path / "databases" / f"{name}.yaml").write_text(text)
    found = known(tmp_path)
    assert list(found) == [*sorted(DATABASES), "x"]
    # by the name of its file, which is read only then
    assert all(database.name == name for name, database in known().items())
    assert known() == DATABASES
    assert {n: found[n].title for n in ("mysql", "sqlite", "x")} == {
        "mysql": "MySQL",
        "sqlite": "X",
        "x": "X",
    }


def test_fact_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"name: \xff")
    with pytest.raises(FactError, match="cannot be read"):
        load(tmp_path)


def test_endless_version_is_refused() -> None:
    with pytest.raises(VersionError, match="is no version"):
        DATABASES["postgresql"].find_series("9" * 5000)
