"""The proofs of the agents that come with subwright: they are of this very text, and they find what is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from subwright.prove import record

AGENTS = ROOT / "agents"
TEMPLATE = ROOT / "templates" / "sqlalchemy-specialist.md"
RECORD = json.loads((AGENTS / record.NAME).read_text(encoding="utf-8"))


def committed() -> list[Path]:
    return sorted(AGENTS.glob("*/*.md"))


def entry(path: Path) -> dict[str, Any]:
    found = RECORD["agents"].get(path.relative_to(AGENTS).as_posix())
    assert found, f"{path} was never proved: run `subwright prove --all --record`"
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", committed(), ids=lambda p: p.parent.name)
def test_the_record_is_of_this_text(path: Path) -> None:
    found = entry(path)
    stale = "its proof is of another text: run `subwright prove --all --record`"
    assert found["sha256"] == record.digest(path.read_text(encoding="utf-8")), stale


def test_the_record_has_nothing_else() -> None:
    names = {path.relative_to(AGENTS).as_posix() for path in committed()}
    assert set(RECORD["agents"]) == names
    assert len(names) == 17


@pytest.mark.parametrize("path", committed(), ids=lambda p: p.parent.name)
def test_nearly_all_python_was_run(path: Path) -> None:
    found = entry(path)
    assert found["python_run"] >= 0.95 * found["python"] > 10
    assert found["tests"] > 40
    assert found["statements"] > 1000


# one change each that parses: what stands there, what is put in its place, the line and words of the failure
MUTATIONS = [
    ('sa.Column("tag_id"', 'mapped_column("tag_id"', 'post_tags = sa.Table(', "alembic revision"),
    ("Post.created_at.desc()", "Post.created.desc()", "Post.created.desc()", "mypy"),
    ('int(claims["sub"])', 'claims["subject"]', 'claims["subject"]', "KeyError"),
    (
        "passwords.verify, form.password, hashed",
        "passwords.verify, hashed, form.password",
        "passwords.verify, hashed, form.password",
        "Unknown|hash",
    ),
    ("post.author  # right", "post.title  # right", "post = await session.get_one", "does not raise"),
    ("raises=InvalidRequestError", "raises=ArgumentError", "async with session.begin():  # A", "another error"),
    (
        "model_config = ConfigDict(from_attributes=True)",
        "model_config = ConfigDict(extra='ignore')",
        "UserRead.model_validate(user)",
        "ValidationError|mypy|ruff",
    ),
    ('down_revision = "0001"', 'down_revision = "0000"', "post = await session.get_one", "`alembic upgrade head`"),
    ("target_metadata=Base.metadata", "target_metadata=None", "alembic revision --autogenerate", "status|check"),
    (
        "return await post_details(session, post_id)",
        "return await session.get(Post, post_id)",
        "PostDetails.model_validate(post)",
        "ValidationError|ruff",
    ),
    (".outerjoin(Post.comments)", ".join(Post.comments)", "python -m pytest -q", "its tests fail"),
]  # fmt: skip


def test_there_are_ten_mutations() -> None:
    assert len(MUTATIONS) >= 10


@pytest.mark.parametrize(("old", "new", "at", "message"), MUTATIONS)
def test_a_broken_example_is_found(
    tmp_path: Path, old: str, new: str, at: str, message: str
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATE.parent, templates)
    path = templates / TEMPLATE.name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the template"
    path.write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "subwright", "prove", "--templates", "templates", "-x", "--output-format", "concise"],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=170,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if at in text)
    wanted = re.compile(rf"templates/{TEMPLATE.name}:{line}: error: .*{message}")
    assert any(map(wanted.match, done.stdout.splitlines())), done.stdout
