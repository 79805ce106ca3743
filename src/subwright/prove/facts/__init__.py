"""Check the fact files on a real server: run the SQL of every fact and hold the answer against what the file says.

The SQL runs in a process of its own, with a time limit and, for SQLite, with another SQLite in it. That process reads
the questions from one file and appends each answer to another, so that what it came to is known when it is ended.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subwright.database import Database, ErrorCode, Feature, numbers
from subwright.prove import process
from subwright.prove.database import scratch_database
from subwright.prove.facts.answers import (
    MEASURES,
    RACES_AS_TEXT,
    STUCK,
    TABLES,
    Answer,
    Key,
    statements,
)

# for one fact, and for all the others together
SECONDS = 30.0
ALL_SECONDS = 240.0


@dataclass(frozen=True)
class Finding:
    """What a fact came to: `status` is `passed`, `failed` or `unchecked`, and `message` says why."""

    kind: str
    id: str
    status: str
    message: str


def check(
    database: Database,
    url: str,
    version: str,
    only: Collection[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> list[Finding]:
    """Check what a fact file says about a server.

    Args:
        database: the facts.
        url: a URL of SQLAlchemy's with the database's first driver, whose user may make databases.
        version: the full version of the server, in numbers.
        only: the features and errors to check, all by default.
        environment: what the process needs that uses it, such as PYTHONPATH for another SQLite.
        seconds: how long one fact may take.

    Raises:
        DatabaseError: no database can be made there.
    """
    return judge(
        database, version, ask(database, url, only, environment=environment, seconds=seconds)
    )


def ask(
    database: Database,
    url: str,
    only: Collection[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> dict[Key, Answer | None]:
    """Run the SQL of the facts, as `check` does; nothing is answered where there is nothing to run."""
    answers: dict[Key, Answer | None] = {
        key: None for key in _keys(database) if only is None or key[1] in only
    }
    asked = [key for key in answers if _is_askable(database, key)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subwright-facts-")))

        def scratch() -> str:
            return stack.enter_context(scratch_database(url, folder))

        shared = scratch()
        questions: list[dict[str, Any]] = []
        for kind, name in asked:
            question: dict[str, Any] = {
                "database": database.name,
                "key": (kind, name),
                "url": shared,
            }
            if kind == "feature":
                feature = database.features[name]
                question |= {"setup": feature.setup, "check": feature.check}
                question["autocommit"] = feature.autocommit
                # the others leave nothing behind: they are rolled back, or the database is made anew
                if feature.autocommit:
                    question["url"] = scratch()
            elif not questions or questions[-1]["key"][0] == "feature":
                # the errors come last and change nothing that another one needs
                question["setup"] = TABLES
            questions.append(question)
        answers.update(_answers(questions, folder, environment or {}, seconds))
    return answers


def _answers(
    questions: list[dict[str, Any]], folder: Path, environment: Mapping[str, str], seconds: float
) -> Iterator[tuple[Key, Answer]]:
    given, taken = folder / "questions.json", folder / "answers.jsonl"
    given.write_text(json.dumps({"seconds": seconds, "questions": questions}), encoding="utf-8")
    taken.touch()
    command = [sys.executable, "-P", "-m", "subwright.prove.facts.answers", str(given), str(taken)]
    done = process.run(
        command, folder, process.clean_environment(folder, environment), ALL_SECONDS + seconds
    )
    # the last line may be cut where the process was ended
    lines = taken.read_text(encoding="utf-8").split("\n")[:-1]
    for question, line in zip(questions, lines, strict=False):
        yield tuple(question["key"]), Answer(**json.loads(line))
    missing = questions[len(lines) :]
    if missing and done.status != STUCK:
        yield _broken(missing[0], "it did not end" if done.status is None else _tail(done))
        lines.append("")
    for question in questions[len(lines) :]:
        yield _broken(question, f"not reached after `{questions[len(lines) - 1]['key'][1]}`")


def _broken(question: dict[str, Any], problem: str) -> tuple[Key, Answer]:
    return tuple(question["key"]), Answer(broken=problem)


def _tail(done: process.Done) -> str:
    return (
        f"the process ended: {(done.output.strip().splitlines() or [f'status {done.status}'])[-1]}"
    )


def _keys(database: Database) -> list[Key]:
    features = [("feature", name) for name in database.features]
    return features + [("error", name) for name in database.errors]


def _is_askable(database: Database, key: Key) -> bool:
    kind, name = key
    if kind == "feature":
        return bool(database.features[name].check) or name in MEASURES
    return name in RACES_AS_TEXT or name in statements(database.name)


# --- what is expected -----------------------------------------------------------------------------

# errors that are so where a feature holds
_WHERE = {
    ("postgresql", "restrict"): "restrict_violation",
    ("mariadb", "stale_snapshot"): "snapshot_isolation",
}


def judge(database: Database, version: str, answers: Mapping[Key, Answer | None]) -> list[Finding]:
    """Hold what a server answered against what the file says of its version.

    Args:
        database: the facts.
        version: the full version of the server.
        answers: what `ask` gave.
    """
    return [_judged(database, version, key, answer) for key, answer in answers.items()]


def _judged(database: Database, version: str, key: Key, answer: Answer | None) -> Finding:
    kind, name = key
    if answer is None:
        return Finding(kind, name, "unchecked", "there is no SQL for it")
    if kind == "feature":
        feature = database.features[name]
        statement = "; ".join(feature.check) or f"{name} of the ORM"
        expected, agrees = _agrees(database, feature, version, answer)
    else:
        error = database.errors[name]
        statement = statements(database.name).get(name) or RACES_AS_TEXT[name]
        where = database.features.get(_WHERE.get((database.name, name), ""))
        expected, agrees = f"{error.exception} `{error.code}`", _is_error(error, answer)
        if where is not None and not holds(where, version):
            expected, agrees = f"another error than `{error.code}`", not agrees
    if agrees and not answer.broken:
        return Finding(kind, name, "passed", str(answer))
    problem = f"on {version} `{statement}` should give {expected}, and gave {answer}"
    return Finding(kind, name, "failed", problem)


def holds(feature: Feature, version: str) -> bool:
    """Whether a server of a full version has a feature, as the file says."""
    here = numbers(version)
    if feature.absent or (feature.since and here < numbers(feature.since)):
        return False
    return not (feature.removed and here >= numbers(feature.removed))


def _agrees(database: Database, feature: Feature, version: str, answer: Answer) -> tuple[str, bool]:
    shown = _matches(database, feature.expect, feature.value, answer)
    # for what is gone or never was, the check shows that it is missing
    inverse = feature.absent or bool(feature.removed)
    if holds(feature, version) is not inverse:
        value = f" with `{feature.value}`" if feature.value else ""
        return f"`{feature.expect}`{value}", shown
    if not feature.before:
        return f"something else than `{feature.expect}`", not shown
    before = any(
        _matches(database, expect, feature.value, answer)
        for expect in _alternatives(feature.before)
    )
    # what shows the feature can never show that it is missing
    return f"`{feature.before}`, without the feature", before and not shown


def _alternatives(before: str) -> Iterator[str]:
    """The parts of `other value|error 1193|1046`: a bare code goes on with the errors before it."""
    for part in before.split("|"):
        yield part if part in ("ok", "other value") else f"error {part.removeprefix('error ')}"


def _matches(database: Database, expect: str, value: str, answer: Answer) -> bool:
    if answer.broken:
        return False
    if not expect.startswith("error "):
        alike = re.search(value, answer.value) is not None
        return not answer.exception and alike is not (expect == "other value")
    codes = expect.removeprefix("error ").split("|")
    if database.name == "sqlite":
        # its codes say too little: all of these are an error 1
        return bool(answer.exception) and any(c.lower() in answer.text.lower() for c in codes)
    return bool(answer.exception) and answer.code in codes


def _is_error(error: ErrorCode, answer: Answer) -> bool:
    return (answer.code, answer.exception) == (error.code, error.exception)
