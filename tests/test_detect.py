"""What a project's files say of its database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subwright.database import Database, load
from subwright.detect import Decision, decide, excludes, gather, known

DATABASES: Mapping[str, Database] = load(ROOT / "templates" / "databases")
SAMPLES = Path(__file__).parent / "data" / "detect"
SECRET = "hunter2"


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def values(decision: Decision) -> dict[str, str]:
    return {kind: choice.value for kind, choice in decision.values.items()}


@pytest.mark.parametrize(
    ("image", "database", "series"),
    [
        ("postgres:17-alpine", "postgresql", "17"),
        ("postgres:17.4", "postgresql", "17"),
        ("postgres", "postgresql", None),
        ("postgres:latest", "postgresql", None),
        ("postgres:alpine", "postgresql", None),
        ("docker.io/library/postgres:16@sha256:0123abcd", "postgresql", "16"),
        ("registry.example.com:5000/team/postgres:15-bookworm", "postgresql", "15"),
        ("bitnami/postgresql:17.2.0-debian-12-r0", "postgresql", "17"),
        ("pgvector/pgvector:pg17", "postgresql", "17"),
        ("pgvector/pgvector:0.8.0-pg16", "postgresql", "16"),
        ("ankane/pgvector:v0.5.1", "postgresql", None),
        ("timescale/timescaledb:latest-pg16", "postgresql", "16"),
        ("timescale/timescaledb:2.17.2-pg17", "postgresql", "17"),
        ("timescale/timescaledb-ha:pg16.2-ts2.13", "postgresql", "16"),
        ("postgis/postgis:16-3.4", "postgresql", "16"),
        ("supabase/postgres:15.1.0.147", "postgresql", "15"),
        ("percona/percona-distribution-postgresql:17.2", "postgresql", "17"),
        ("mysql:8.4.3", "mysql", "8.4"),
        ("mysql:8", "mysql", "8.4"),
        ("mysql:8-oracle", "mysql", "8.4"),
        ("mysql:lts", "mysql", None),
        ("container-registry.oracle.com/mysql/community-server:8.0", "mysql", "8.0"),
        ("bitnami/mysql:8.0", "mysql", "8.0"),
        ("percona:8.0.36", "mysql", "8.0"),
        ("percona/percona-server:8.0", "mysql", "8.0"),
        ("mariadb:11.4-noble", "mariadb", "11.4"),
        ("mariadb:11", "mariadb", "11.8"),
        ("mariadb:10", "mariadb", "10.11"),
        ("lscr.io/linuxserver/mariadb:10.11.8", "mariadb", "10.11"),
        ("mongo:7", "mongodb", None),
        ("mcr.microsoft.com/mssql/server:2022-latest", "mssql", None),
        ("cockroachdb/cockroach:v24.1.0", "cockroachdb", None),
        ("prometheuscommunity/postgres-exporter:v0.15", None, None),
        ("dpage/pgadmin4:8", None, None),
        ("redis:7", None, None),
        ("nginx/server:1", None, None),
        ("", None, None),
    ],
)
def test_images(tmp_path: Path, image: str, database: str | None, series: str | None) -> None:
    write(tmp_path, {"compose.yaml": f"services:\n  db:\n    image: {image}\n"})
    hints = gather(tmp_path).hints
    assert [hint.databases[0] for hint in hints] == ([database] if database else [])
    if database in DATABASES:
        found = values(decide(hints, DATABASES))
        assert found == {"database": database} | ({"version": series} if series else {})


POSTGRESQL = "services: {db: {image: 'postgres:17'}}\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # compose files
        ({"compose.yml": POSTGRESQL}, ["postgresql", "17"]),
        ({"docker-compose.yaml": POSTGRESQL}, ["postgresql", "17"]),
        ({"backend/docker-compose.yml": POSTGRESQL}, ["postgresql", "17"]),
        ({"a/b/compose.yml": POSTGRESQL, "tests/compose.yml": POSTGRESQL}, []),
        ({".hidden/compose.yml": POSTGRESQL, "node_modules/compose.yml": POSTGRESQL}, []),
        (
            {
                "compose.yaml": POSTGRESQL,
                "compose.override.yaml": "services: {db: {image: 'postgres:18'}}\n",
            },
            ["postgresql", "18"],
        ),
        (
            {"compose.yaml": "x: &db {image: 'mariadb:11.4'}\nservices:\n  db:\n    <<: *db\n"},
            ["mariadb", "11.4"],
        ),
        (
            {"compose.yaml": "services: {a: {image: 'mysql:${V:-8.4}'}}\n", ".env": "V=8.0\n"},
            ["mysql", "8.0"],
        ),
        ({"compose.yaml": "services: {a: {image: 'mysql:${V:-8.4}'}}\n"}, ["mysql", "8.4"]),
        ({"compose.yaml": "services: {a: {image: '${I:-mysql:${V:-8.4}}'}}\n"}, ["mysql", "8.4"]),
        ({"compose.yaml": "services: {a: {image: 'mysql:${V}'}}\n"}, ["mysql"]),
        ({"compose.yaml": "services: {a: {image: 'mysql:${V:?}'}}\n"}, ["mysql"]),
        (
            {
                "compose.yaml": "services: {a: {image: 'mysql:${V:+8.0}'}, b: {image: $I}}\n",
                ".env": "V=x\nexport I='mysql:8.0'\n",
            },
            ["mysql", "8.0"],
        ),
        (
            {
                "compose.yaml": "services: {a: {environment: "
                "['DATABASE_URL=mysql+asyncmy://u:p@h/d']}}\n"
            },
            ["mysql", "asyncmy"],
        ),
        (
            {
                "compose.yaml": "services: {a: {image: 'mysql:${V}'}, b: {image: 'mysql:${W}'}}\n",
                ".env": 'V=8.0 # the server\nW="8.0" # too\n',
            },
            ["mysql", "8.0"],
        ),
        # URLs
        ({".env": "DB_ENGINE=postgresql # in production\n"}, ["postgresql"]),
        ({".env": "DATABASE_URL=postgres://u:p@h/d\n"}, ["postgresql"]),
        ({".env": "export DB='postgresql+psycopg://u@h/d'\n"}, ["postgresql", "psycopg"]),
        ({".env": "DB=postgresql+psycopg_async://u@h/d\n"}, ["postgresql", "psycopg"]),
        ({".env.example": "SQLALCHEMY_URI=sqlite+aiosqlite:///x\n"}, ["sqlite", "aiosqlite"]),
        ({".env": "# DATABASE_URL=mysql://h\nREDIS_URL=redis://h\n"}, []),
        ({".env": "A=postgresql://h\nTEST_URL=sqlite://\n"}, ["postgresql"]),
        (
            {".env": "A=postgresql+asyncpg://h\nSYNC_URL=postgresql+psycopg://h\n"},
            ["postgresql", "asyncpg"],
        ),
        ({"alembic.ini": "sqlalchemy.url = mysql+aiomysql://u:p@h/d\n"}, ["mysql", "aiomysql"]),
        ({"alembic.ini": "sqlalchemy.url = driver://user:pass@localhost/dbname\n"}, []),
        ({"alembic.ini": "# sqlalchemy.url = mysql://h\n"}, []),
        ({".env": "DATABASE_TYPE='postgresql'\n"}, ["postgresql"]),
        (
            {".env": "APP_DB_ENGINE=mysql+asyncmy\nDB_TYPE=nosuch\nDB_NAME=sqlite\n"},
            ["mysql", "asyncmy"],
        ),
        # packages
        ({"requirements.txt": "asyncpg\n"}, ["postgresql", "asyncpg"]),
        ({"requirements/base.txt": "psycopg[binary] >= 3.2\n"}, ["postgresql", "psycopg"]),
        ({"requirements.txt": "Psycopg2_Binary==2.9 ; python_version > '3'\n"}, ["postgresql"]),
        ({"requirements.txt": "# asyncpg\n-r asyncmy\n--hash=asyncpg\n"}, []),
        ({"requirements.txt": "sqlalchemy[asyncio, asyncmy]>=2\n"}, ["mysql", "asyncmy"]),
        ({"requirements.txt": "asyncpg\naiosqlite\n"}, ["postgresql", "asyncpg"]),
        ({"requirements.txt": "sqlalchemy[aiosqlite,asyncpg]\n"}, ["postgresql", "asyncpg"]),
        (
            {"requirements-docker.txt": "asyncpg\n", "requirements.txt": "aiosqlite\n"},
            ["postgresql", "asyncpg"],
        ),
        ({"requirements-docs.txt": "asyncpg\n", "requirements.txt": "aiomysql\n"}, ["mysql"]),
        ({"requirements.txt": "asyncpg\npsycopg\n"}, ["postgresql", "asyncpg"]),
        ({"requirements.txt": "mariadb\naiomysql\n"}, ["mariadb", "aiomysql"]),
        ({"requirements.txt": "asyncpg\n", "requirements-dev.txt": "aiomysql\n"}, ["postgresql"]),
        (
            {"pyproject.toml": "[project]\ndependencies = ['asyncmy (>=0.2)']\n"},
            ["mysql", "asyncmy"],
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.12'\nasyncpg = '^0.30'\n"},
            ["postgresql", "asyncpg"],
        ),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\n"
                "sqlalchemy = {version = '^2.1', extras = ['asyncio', 'aiosqlite']}\n"
            },
            ["sqlite", "aiosqlite"],
        ),
        (
            {"pyproject.toml": "[tool.poetry.group.db.dependencies]\nasyncpg = '*'\n"},
            ["postgresql", "asyncpg"],
        ),
        (
            {"pyproject.toml": "[dependency-groups]\ndev = ['aiosqlite', {include-group = 'x'}]\n"},
            ["sqlite"],
        ),
        ({"pyproject.toml": "[project.optional-dependencies]\npg = ['asyncpg']\n"}, ["postgresql"]),
        ({"pyproject.toml": "[tool.uv]\ndev-dependencies = ['asyncpg']\n"}, ["postgresql"]),
        ({"uv.lock": '[[package]]\nname = "asyncpg"\nversion = "0.32.0"\n'}, ["postgresql"]),
        ({"poetry.lock": '[[package]]\nname = "aiomysql"\nversion = "0.3.2"\n'}, ["mysql"]),
        # workflows
        (
            {
                ".github/workflows/ci.yml": "jobs:\n  test:\n    services:\n      db:\n"
                "        image: postgres:16\n"
            },
            ["postgresql", "16"],
        ),
        (
            {
                ".github/workflows/ci.yml": "jobs: {t: {services: {db: "
                "{image: 'postgres:${{ matrix.v }}'}}}}\n"
            },
            ["postgresql"],
        ),
        # what counts more
        (
            {
                "compose.yaml": POSTGRESQL,
                ".github/workflows/ci.yml": "jobs: {t: {services: {db: {image: 'postgres:16'}}}}\n",
            },
            ["postgresql", "17"],
        ),
        (
            {
                "compose.yaml": "services: {db: {image: 'mariadb:11.4'}}",
                ".env": "D=mysql+asyncmy://h\n",
            },
            ["mariadb", "11.4", "asyncmy"],
        ),
        ({"compose.yaml": POSTGRESQL, "requirements-dev.txt": "aiomysql\n"}, ["postgresql", "17"]),
        (
            {".env": "A=sqlite+aiosqlite:///x\n", "requirements.txt": "asyncpg\naiosqlite\n"},
            ["sqlite", "aiosqlite"],
        ),
        (
            {"compose.yaml": "services: {a: {image: 'mongo:7'}, b: {image: 'mysql:8.4'}}\n"},
            ["mysql"],
        ),
    ],
)
def test_decisions(tmp_path: Path, files: Mapping[str, str], expected: list[str]) -> None:
    decision = decide(gather(write(tmp_path, files)).hints, DATABASES)
    assert decision.conflicts == {}
    assert list(values(decision).values())[: len(expected)] == expected or not expected
    assert bool(decision.values) is bool(expected)


@pytest.mark.parametrize(
    ("files", "kind", "choices"),
    [
        (
            {"compose.yaml": POSTGRESQL, ".env": "DATABASE_URL=sqlite:///x\n"},
            "database",
            {"postgresql": ["compose.yaml:1"], "sqlite": [".env:1"]},
        ),
        (
            {"compose.yaml": POSTGRESQL, "requirements.txt": "\naiomysql\n"},
            "database",
            {
                "postgresql": ["compose.yaml:1"],
                "mysql": ["requirements.txt:2"],
                "mariadb": ["requirements.txt:2"],
            },
        ),
        (
            {"requirements.txt": "asyncpg\nmariadb\n"},
            "database",
            {"postgresql": ["requirements.txt:1"], "mariadb": ["requirements.txt:2"]},
        ),
        (
            {
                "compose.yaml": "services:\n  a: {image: 'postgres:17'}\n  b: {image: 'postgres:16'}\n"
            },
            "version",
            {"17": ["compose.yaml:2"], "16": ["compose.yaml:3"]},
        ),
        (
            {".env": "A=postgresql+asyncpg://h\n", ".env.example": "A=postgresql+psycopg://h\n"},
            "driver",
            {"asyncpg": [".env:1"], "psycopg": [".env.example:1"]},
        ),
    ],
)
def test_conflicts(
    tmp_path: Path, files: Mapping[str, str], kind: str, choices: Mapping[str, list[str]]
) -> None:
    hints = gather(write(tmp_path, files)).hints
    found = decide(hints, DATABASES).conflicts
    assert {c.value: [h.place for h in c.hints] for c in found[kind]} == choices
    if kind == "database":
        for name in choices:
            assert decide(hints, DATABASES, name).conflicts == {}


def test_a_database_that_is_not_offered_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "motor\n", ".env": "M=mongodb+srv://u:p@h\n"})
    decision = decide(gather(tmp_path).hints, DATABASES)
    assert values(decision) == {}
    assert {hint.databases[0] for hint in decision.others} == {"mongodb"}


@pytest.mark.parametrize(
    ("requirement", "excluded"),
    [
        ("", False),
        (">=2.0", False),
        (">=1.4,<3", False),
        ("<2.1", True),
        (">=2.0,<2.1", True),
        ("<2.2", False),
        ("<=2.0.40", True),
        ("==2.0.41", True),
        ("==2.1.0", False),
        ("==2.0.*", True),
        ("==2.*", False),
        ("~=2.0", False),
        ("~=2.0.3", True),
        ("~=2.1.0", False),
        ("^1.4", True),
        ("^2.0", False),
        ("~2.0", True),
        ("~2", False),
        ("!=2.0.1", False),
        ("^1.4||^2.1", False),
        ("^1.4||~2.0", True),
        (f"<{'9' * 5000}", False),
    ],
)
def test_requirements_that_exclude(requirement: str, excluded: bool) -> None:
    assert excludes(requirement, "2.1") is excluded


@pytest.mark.parametrize(
    ("files", "places"),
    [
        (
            {"requirements.txt": "x\nSQLAlchemy[asyncio]==2.0.40\n"},
            [("requirements.txt:2", "==2.0.40")],
        ),
        (
            {"pyproject.toml": "[project]\ndependencies = [\n  'sqlalchemy>=2,<2.1',\n]\n"},
            [("pyproject.toml:3", ">=2,<2.1")],
        ),
        ({"uv.lock": 'name = "sqlalchemy"\nversion = "2.0.40"\n'}, [("uv.lock:1", "==2.0.40")]),
        (
            {"poetry.lock": 'name = "SQLAlchemy"\nversion = "1.4.1"\n'},
            [("poetry.lock:1", "==1.4.1")],
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\nsqlalchemy = '^1.4 || ^2.1'\n"},
            [("pyproject.toml:2", "^1.4||^2.1")],
        ),
        ({"requirements-dev.txt": "sqlalchemy<2\n"}, []),
    ],
)
def test_sqlalchemy(
    tmp_path: Path, files: Mapping[str, str], places: list[tuple[str, str]]
) -> None:
    assert gather(write(tmp_path, files)).sqlalchemy == places


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("compose.yaml", f"services:\n  db: [{SECRET}\n", "not YAML at line 3"),
        ("compose.yaml", f"a: *{SECRET}\n", "not YAML at line 1"),
        ("compose.yaml", f"a: !!int {SECRET}\nservices: [a]\n", None),
        ("compose.yaml", "[" * 5000, "not YAML"),
        ("pyproject.toml", f"[project\npassword = {SECRET}\n", "not TOML"),
        ("pyproject.toml", "project = 1\ntool = []\ndependency-groups = 'x'\n", None),
        ("pyproject.toml", "[project]\ndependencies = {a = 1}\n", None),
        ("pyproject.toml", "[tool.poetry]\ndependencies = {a = 1, b = [], asyncmy = {}}\n", None),
        (".github/workflows/x.yml", "services: [\n", "not YAML"),
        (".github/workflows/x.yml", "services: 1\njobs: {a: {services: {b: 1, c: }}}\n", None),
        (".env", "\x00\ufffd=\n=\n==\nA\n", None),
        ("requirements.txt", "\x00[[[\n@\n>=\n", None),
    ],
)
def test_malformed_files_are_passed_over(
    tmp_path: Path, name: str, text: str, problem: str | None
) -> None:
    found = gather(write(tmp_path, {name: text, "requirements.in": "asyncmy\n"}))
    assert values(decide(found.hints, DATABASES))["driver"]
    assert [p.startswith(f"{name}: passed over: {problem}") for p in found.problems] == (
        [True] if problem else []
    )
    assert SECRET not in str(found.problems)


def test_odd_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "asyncpg\n"})
    (tmp_path / "compose.yaml").mkdir()
    (tmp_path / "alembic.ini").symlink_to("alembic.ini")
    (tmp_path / ".env").write_bytes(b"\xff\xfeA=mysql://\n\xe9DB=mysql://h\nDB=mysql://h\n")
    (tmp_path / ".env.example").write_bytes(b"\xef\xbb\xbfDB=mysql://h\r\nX=mysql://h\r\n")
    found = gather(tmp_path)
    assert found.problems == []
    assert [(hint.place, hint.says) for hint in found.hints] == [
        (".env:3", "`DB` is a `mysql` URL"),
        (".env.example:1", "`DB` is a `mysql` URL"),
        (".env.example:2", "`X` is a `mysql` URL"),
        ("requirements.txt:1", "`asyncpg`"),
    ]


def test_utf16_of_powershell(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("x==1\r\nasyncpg==0.30\r\n".encode("utf-16"))
    assert [hint.place for hint in gather(tmp_path).hints] == ["requirements.txt:2"]


def test_merges_of_merges_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 {image: 'mysql:8.4'}", "b0: &b0 {image: 'mysql:8.0'}"]
    lines += [f"{x}{n}: &{x}{n} {{<<: [*a{n - 1}, *b{n - 1}]}}" for n in range(1, 40) for x in "ab"]
    lines += ["services: {db: {<<: [*a39, *b39]}}"]
    found = gather(write(tmp_path, {"compose.yaml": "\n".join(lines)}))
    assert values(decide(found.hints, DATABASES)) == {"database": "mysql", "version": "8.4"}


def test_an_image_shows_no_value_of_a_variable(tmp_path: Path) -> None:
    files = {
        "compose.yaml": f"services: {{a: {{image: '${{T}}/postgres:16'}}, b: {{image: '{SECRET}/mysql'}}}}",
        ".env": f"T={SECRET}\n",
    }
    says = [hint.says for hint in gather(write(tmp_path, files)).hints]
    # what stands in the file itself is no secret
    assert says == ["image `postgres` 16", f"image `{SECRET}/mysql`"]


def test_aliases_of_aliases_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 {image: 'mysql:8.4'}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    lines += ["services: {db: *a39}"]
    found = gather(write(tmp_path, {"compose.yaml": "\n".join(lines)}))
    assert values(decide(found.hints, DATABASES)) == {"database": "mysql", "version": "8.4"}


NAMES = (
    "compose.yaml",
    "compose.override.yaml",
    ".env",
    "alembic.ini",
    "pyproject.toml",
    "requirements.txt",
    "uv.lock",
    ".github/workflows/ci.yml",
)
PIECES = st.sampled_from(
    [
        *(
            "services",
            "jobs",
            "image",
            "db",
            ": ",
            "\n",
            "  ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<",
        ),
        *(
            "postgres:",
            "mysql",
            "17",
            "${V:-",
            "${",
            "$",
            "[project]",
            "dependencies",
            " = ",
            '"',
            "'",
        ),
        *(
            "asyncpg",
            "name = ",
            "version = ",
            "sqlalchemy.url",
            "mysql+aiomysql://",
            f"u:{SECRET}@h",
        ),
    ]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(NAMES),
    text=st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=30).map("".join)),
)
def test_no_text_is_too_odd_and_none_gives_a_secret_away(
    tmp_path: Path, name: str, text: str
) -> None:
    for other in NAMES:
        (tmp_path / other).unlink(missing_ok=True)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    (tmp_path / "compose.yaml").touch()
    found = gather(tmp_path)
    decision = decide(found.hints, DATABASES)
    for shown in (str(found.problems), str(decision), str(found.sqlalchemy)):
        assert SECRET not in shown


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_samples_give_no_secret_away(name: str) -> None:
    found = gather(SAMPLES / name)
    assert SECRET not in str(found.hints)
    assert found.problems == []


def test_names_of_packages_are_normal() -> None:
    """A lock file is searched for them as they stand in the table."""
    assert list(known.NAMES) == [name.lower().replace("_", "-") for name in known.NAMES]
