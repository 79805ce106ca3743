"""Decide from hints which database, version and driver a project uses, or say how they conflict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from subwright.database import Database, VersionError, numbers
from subwright.detect.gathering import Hint

_BOUND = re.compile(r"(===?|~=|<=?|~|\^)(\d{1,9}(?:\.\d{1,9})*)(\.\*)?")
# how much a hint counts, the most first; beside the application's own URL that of a tool says little of the driver
_FOR_DATABASE = {"image": 0, "url": 0, "tool": 0, "ci": 1, "package": 2, "dev": 3}
_FOR_DRIVER = {"url": 0, "tool": 1, "package": 2, "dev": 3}
_DEVELOPERS = 3


@dataclass(frozen=True)
class Choice:
    """A value and the hints that speak for it."""

    value: str
    hints: tuple[Hint, ...]

    @property
    def place(self) -> str:
        """Where the first of the hints stands."""
        return self.hints[0].place


@dataclass(frozen=True)
class Decision:
    """What hints come to.

    Attributes:
        values: by kind of variable, `database`, `version` or `driver`: what the project uses.
        conflicts: by kind, the choices between which hints are at odds.
        alternatives: databases that the same hints may stand for too.
        others: hints at databases that are not offered.
    """

    values: Mapping[str, Choice] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    alternatives: tuple[str, ...] = ()
    others: tuple[Hint, ...] = ()


def decide(
    hints: Iterable[Hint], offered: Mapping[str, Database], database: str | None = None
) -> Decision:
    """Weigh hints.

    Images of services and URLs count most, then services of the CI, then packages. Hints at a database that is not
    offered are set aside.

    Args:
        hints: what was found.
        offered: the databases to choose from.
        database: the one that is chosen already.
    """
    hints = list(hints)
    usable = [hint for hint in hints if not offered.keys().isdisjoint(hint.databases)]
    others = tuple(hint for hint in hints if hint not in usable)
    values: dict[str, Choice] = {}
    conflicts: dict[str, tuple[Choice, ...]] = {}
    alternatives: tuple[str, ...] = ()
    if database is None:
        candidates, conflict = _databases(usable, offered)
        if conflict:
            return Decision({}, {"database": conflict}, (), others)
        if not candidates:
            return Decision(others=others)
        database, *rest = candidates
        alternatives = tuple(rest)
        speaking = (hint for hint in usable if database in hint.databases)
        values["database"] = Choice(database, _by_weight(speaking, _FOR_DATABASE))
    chosen = offered.get(database)
    if chosen is not None:
        own = [hint for hint in usable if database in hint.databases]
        for kind, choices in (
            ("version", _versions(own, chosen)),
            ("driver", _drivers(own, chosen)),
        ):
            if len(choices) == 1:
                values[kind] = choices[0]
            elif choices:
                conflicts[kind] = choices
    return Decision(values, conflicts, alternatives, others)


def decided_series(version: str, database: Database) -> str:
    """The series that a version in an image's tag stands for; a short tag, such as `8`, moves on with the releases.

    The version itself where no series does.
    """
    if version.count(".") + 1 < database.version_parts:
        fitting = [s for s in database.series if numbers(s.version)[0] == numbers(version)[0]]
        return fitting[-1].version if fitting else version
    try:
        return database.find_series(version).version
    except VersionError:
        return version


def _by_weight(hints: Iterable[Hint], weights: Mapping[str, int]) -> tuple[Hint, ...]:
    return tuple(sorted(hints, key=lambda hint: weights.get(hint.kind, len(weights))))


def _databases(
    hints: Sequence[Hint], offered: Mapping[str, Database]
) -> tuple[list[str], tuple[Choice, ...]]:
    """The databases that the hints may stand for, or how they conflict."""
    candidates: list[str] = []
    believed: list[Hint] = []
    for weight in range(_DEVELOPERS + 1):
        group = [hint for hint in hints if _FOR_DATABASE[hint.kind] == weight]
        if not group:
            continue
        if not candidates:
            # SQLite's driver beside another one is for tests
            servers = [hint for hint in group if hint.databases != ("sqlite",)]
            believed = servers if servers and weight >= _FOR_DATABASE["package"] else group
            candidates = [
                name
                for name in dict.fromkeys(n for hint in believed for n in hint.databases)
                if name in offered and all(name in hint.databases for hint in believed)
            ]
            if not candidates:
                return [], _at_odds(believed, offered)
            continue
        agreeing = [hint for hint in group if not set(candidates).isdisjoint(hint.databases)]
        if not agreeing and weight < _DEVELOPERS:
            return [], _at_odds([*believed, *group], offered)
        for hint in agreeing:
            candidates = [name for name in candidates if name in hint.databases] or candidates
    return candidates, ()


def _at_odds(hints: Iterable[Hint], offered: Mapping[str, Database]) -> tuple[Choice, ...]:
    by_name: dict[str, list[Hint]] = {}
    for hint in hints:
        for name in hint.databases:
            if name in offered:
                by_name.setdefault(name, []).append(hint)
    return tuple(Choice(name, tuple(found)) for name, found in by_name.items())


def _versions(hints: Sequence[Hint], database: Database) -> tuple[Choice, ...]:
    found = [hint for hint in hints if hint.version]
    if not found:
        return ()
    most = min(_FOR_DATABASE[hint.kind] for hint in found)
    by_series: dict[str, list[Hint]] = {}
    for hint in found:
        if _FOR_DATABASE[hint.kind] == most:
            by_series.setdefault(decided_series(hint.version, database), []).append(hint)
    return tuple(Choice(series, tuple(said)) for series, said in by_series.items())


def _drivers(hints: Sequence[Hint], database: Database) -> tuple[Choice, ...]:
    names = [driver.name for driver in database.drivers]
    found = [hint for hint in hints if hint.driver in names]
    if not found:
        return ()
    most = min(_FOR_DRIVER[hint.kind] for hint in found)
    choices = {name: [hint for hint in found if hint.driver == name] for name in names}
    strong = tuple(
        Choice(name, _by_weight(said, _FOR_DRIVER))
        for name, said in choices.items()
        if any(_FOR_DRIVER[hint.kind] == most for hint in said)
    )
    # packages of two drivers can be installed side by side: the first one is as good
    return strong if most == _FOR_DRIVER["url"] else strong[:1]


def excludes(requirement: str, minimum: str) -> bool:
    """Whether a requirement, such as `>=1.4,<2.1` or `^1.4 || ^2.0`, lets in no version from a minimum on."""
    return all(_excludes(one, numbers(minimum)) for one in requirement.split("||"))


def _excludes(requirement: str, wanted: tuple[int, ...]) -> bool:
    for operator, version, wildcard in _BOUND.findall(requirement):
        parts = [int(part) for part in version.split(".")]
        if wildcard:
            below = tuple(parts) < wanted[: len(parts)]
        elif operator.startswith("=") or operator == "<=":
            below = numbers(version) < wanted
        elif operator == "<":
            below = numbers(version) <= wanted
        else:
            # `~=2.0.3` and `~2.0` keep all but their last number, `^2.0` the first
            kept = {"~=": len(parts) - 1, "~": min(len(parts), 2)}.get(operator, 1)
            below = tuple(parts[:kept]) < wanted[:kept]
        if below:
            return True
    return False
