"""What the fact files say of each server is what the server does, and the checker finds what is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from subwright import data, servers
from subwright.database import Database, ErrorCode, Feature, load, numbers
from subwright.prove.facts import Finding, ask, check, holds, judge
from subwright.prove.facts.answers import Answer, Key
from subwright.servers.sources import SOURCES

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="needs Linux on x86-64"
)

DATABASES = load(data.folder("templates") / "databases")
# the interpreter has an SQLite of its own
OWN = "Python"
SERVERS = [
    *((database, series) for database in DATABASES for series in SOURCES[database]),
    ("sqlite", OWN),
]
# the features and errors that are checked, and why the others are not
CHECKED: Mapping[str, tuple[int, int, Mapping[str, str]]] = {
    **{f"postgresql {series}": (115, 19, {}) for series in SOURCES["postgresql"]},
    **{f"mysql {series}": (106, 18, {}) for series in SOURCES["mysql"]},
    **{f"mariadb {series}": (105, 19, {}) for series in SOURCES["mariadb"]},
    **{f"sqlite {series}": (86, 11, {}) for series in SOURCES["sqlite"]},
    f"sqlite {OWN}": (86, 11, {}),
}


def obtain(database: str, series: str) -> servers.Binary:
    """The binary; without it the test is skipped, or fails where everything is required."""
    if series == OWN:
        return next(found for found in servers.find(database) if found.source == OWN)
    try:
        return servers.fetch(database, series)
    except servers.ServerError as error:
        if os.environ.get("SUBWRIGHT_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"{database} {series}: {error.message}")


def url_of(server: servers.Server) -> str:
    return server.url(DATABASES[server.database].drivers[0].dialect)


@cache
def answers(database: str, series: str) -> tuple[str, dict[Key, Answer | None]]:
    """The full version of a server, and what it answers to all facts; it is started once."""
    with servers.start(obtain(database, series)) as server:
        found = ask(DATABASES[database], url_of(server), environment=server.environment)
    return server.version, found


def failures(findings: list[Finding]) -> list[str]:
    return [f"{f.kind} {f.id}: {f.message}" for f in findings if f.status == "failed"]


def with_feature(database: Database, name: str, **changes: object) -> Database:
    feature = database.features[name]._replace(**changes)  # type: ignore[arg-type]
    return database._replace(features={**database.features, name: feature})


def with_error(database: Database, name: str, error: ErrorCode) -> Database:
    return database._replace(errors={**database.errors, name: error})


# --- every fact on every server -----------------------------------------------------------------


@pytest.mark.parametrize(("database", "series"), SERVERS)
def test_every_fact_is_so(database: str, series: str) -> None:
    version, found = answers(database, series)
    assert failures(judge(DATABASES[database], version, found)) == []


@pytest.mark.parametrize(("database", "series"), SERVERS)
def test_how_many_facts_are_checked(database: str, series: str) -> None:
    version, found = answers(database, series)
    findings = judge(DATABASES[database], version, found)
    assert len(findings) == len(DATABASES[database].features) + len(DATABASES[database].errors)
    checked = [f.kind for f in findings if f.status == "passed"]
    unchecked = {f.id: f.message for f in findings if f.status == "unchecked"}
    features, errors, reasons = CHECKED[f"{database} {series}"]
    assert (checked.count("feature"), checked.count("error")) == (features, errors)
    assert unchecked == reasons


def test_every_error_is_checked_somewhere() -> None:
    for database, facts in DATABASES.items():
        every = [s for name, s in SERVERS if name == database]
        passed = {
            f.id
            for series in every
            for f in judge(facts, *answers(database, series))
            if (f.kind, f.status) == ("error", "passed")
        }
        assert passed == set(facts.errors)


@pytest.mark.parametrize("database", DATABASES)
def test_live_is_what_servers_on_both_sides_show(database: str) -> None:
    run = sorted((obtain(database, series).version for series in SOURCES[database]), key=numbers)
    for name, feature in DATABASES[database].features.items():
        edge = feature.since or feature.removed
        if edge:
            sides = {numbers(version) >= numbers(edge) for version in run}
            assert (feature.basis == "live") == (len(sides) == 2), name
            assert feature.basis != "live" or {holds(feature, version) for version in run} == sides
            assert feature.basis != "live" or set(feature.seen) == {"holds", "lacks"}, name


# --- the checker finds what is wrong ------------------------------------------------------------


def wrong_features(feature: Feature, version: str, answer: Answer) -> Iterator[Feature]:
    """Variants of a feature that are not so at a version."""
    here, missing_shown = holds(feature, version), feature.absent or bool(feature.removed)
    if missing_shown:
        yield feature._replace(absent=False, removed="999")
    elif here:
        yield feature._replace(since="999")
    else:
        yield feature._replace(since="")
    if here is not missing_shown:
        yield feature._replace(expect="ok" if feature.expect.startswith("error") else "error 0")
        yield feature._replace(value="no such value", expect="ok")
    elif feature.before:
        yield feature._replace(before="error 0" if answer.exception else "error 1")
        yield feature._replace(before="ok" if answer.exception else "error 0")


def wrong_errors(error: ErrorCode, answer: Answer) -> Iterator[ErrorCode]:
    """Variants of an error that did not come."""
    if answer.code != error.code:
        # it is so on newer servers only, so what came is what must not be stated
        yield error._replace(code=answer.code, exception=answer.exception)
    else:
        yield error._replace(code="0")
        yield error._replace(exception="StatementError")


@pytest.mark.parametrize(("database", "series"), SERVERS)
def test_every_wrong_fact_is_found(database: str, series: str) -> None:
    version, found = answers(database, series)
    facts = DATABASES[database]
    for key, answer in found.items():
        kind, name = key
        assert answer is not None
        if kind == "feature":
            wrong = [
                facts._replace(features={name: feature})
                for feature in wrong_features(facts.features[name], version, answer)
            ]
        else:
            wrong = [
                with_error(facts, name, error) for error in wrong_errors(facts.errors[name], answer)
            ]
        assert wrong
        for mutant in wrong:
            (finding,) = judge(mutant, version, {key: answer})
            assert finding.status == "failed", (name, mutant.features.get(name))


def run(facts: Database, series: str, only: set[str], seconds: float = 30) -> dict[str, Finding]:
    with servers.start(obtain(facts.name, series)) as server:
        found = check(
            facts,
            url_of(server),
            server.version,
            only,
            environment=server.environment,
            seconds=seconds,
        )
    return {f.id: f for f in found}


def test_a_first_version_that_is_too_early_is_found() -> None:
    facts = with_feature(DATABASES["sqlite"], "alter_not_null", since="3.45.0")
    finding = run(facts, "3.45", {"alter_not_null", "strict_tables"})["alter_not_null"]
    assert finding.status == "failed"
    assert finding.message.startswith(
        "on 3.45.1 `ALTER TABLE t ALTER COLUMN b SET NOT NULL` should give `ok`, "
        "and gave OperationalError `1` (near "
    )


def test_a_first_version_that_is_too_late_is_found() -> None:
    facts = with_feature(DATABASES["sqlite"], "subsec_modifier", since="3.45.0")
    finding = run(facts, "3.42", {"subsec_modifier"})["subsec_modifier"]
    assert finding.message.endswith("should give `other value`, without the feature, and gave `1`")
    assert finding.status == "failed"


def test_a_wrong_code_and_a_wrong_exception_are_found() -> None:
    facts = DATABASES["sqlite"]
    facts = with_error(facts, "unique", ErrorCode("1555", "IntegrityError"))
    facts = with_error(facts, "check", ErrorCode("275", "OperationalError"))
    found = run(facts, OWN, {"unique", "check", "not_null"})
    assert {name: f.status for name, f in found.items()} == {
        "unique": "failed",
        "check": "failed",
        "not_null": "passed",
    }
    assert found["unique"].message.endswith(
        "`INSERT INTO numbers VALUES (1, 2)` should give IntegrityError `1555`, "
        "and gave IntegrityError `2067` (UNIQUE constraint failed: numbers.a)"
    )


def test_a_setup_that_fails_shows_nothing() -> None:
    facts = with_feature(DATABASES["sqlite"], "merge", setup=("CREATE TABLE",))
    finding = run(facts, OWN, {"merge"})["merge"]
    assert finding.status == "failed"
    assert "OperationalError: " in finding.message


def test_a_statement_that_hangs_ends() -> None:
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"
    facts = with_feature(DATABASES["sqlite"], "intersect", check=(endless,))
    found = run(facts, OWN, {"merge", "intersect", "right_join", "lateral"}, seconds=1)
    assert {name: f.status for name, f in found.items()} == {
        "merge": "passed",
        "intersect": "failed",
        "lateral": "failed",
        "right_join": "failed",
    }
    assert found["intersect"].message.endswith("and gave no answer: it did not end within 1 s")
    assert "no answer: not reached after `intersect`" in found["lateral"].message


def test_a_statement_that_waits_is_given_up() -> None:
    facts = with_feature(DATABASES["postgresql"], "ilike", check=("SELECT pg_sleep(60)",))
    found = run(facts, "18", {"ilike", "concat_function"}, seconds=2)
    assert found["ilike"].message.endswith("no answer: it did not end within 2 s")
    assert found["concat_function"].status == "passed"


def test_a_process_that_dies_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "sqlite3.py").write_text("import os\nos.write(2, b'killed\\n')\nos._exit(9)")
    facts = DATABASES["sqlite"]
    environment = {"PYTHONPATH": str(tmp_path)}
    (finding,) = check(facts, "sqlite+aiosqlite://", "3.45.1", {"merge"}, environment=environment)
    assert finding.status == "failed"
    assert finding.message.endswith("no answer: the process ended: killed")
