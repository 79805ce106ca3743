"""Which values an agent is rendered with: given, kept from the last time, configured, or read from the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from subwright.database import find_database
from subwright.detect import Choice, Decision, Gathered, decide
from subwright.install.lockfile import Entry
from subwright.template import Template, Value, Variant

KINDS = ("database", "version", "driver")


@dataclass(frozen=True)
class Settled:
    """The values of a template but for those that a run is given.

    Attributes:
        values: by variable.
        found: those of them that the project's files say, and where.
        says: all that the project's files say of the template's variables, whether it counts or not.
        conflicts: variables for which the project's files are at odds, and nothing else decides.
        decision: what the hints come to.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    found: Mapping[str, Choice] = field(default_factory=dict)
    says: Mapping[str, Choice] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    decision: Decision = field(default_factory=Decision)


def settle(
    template: Template,
    given: Mapping[str, Value],
    configured: Mapping[str, Value],
    gathered: Gathered | None = None,
    entry: Entry | None = None,
) -> Settled:
    """Weigh what is known: what is given counts most, then what was chosen by hand for the installed agent, then the
    configuration, then the project's files, then what the installed agent has.

    Args:
        template: of the agent.
        given: values of this run.
        configured: values of the configuration.
        gathered: what the project's files say.
        entry: of the installed agent.
    """
    names = {kind: v.name for kind in KINDS if (v := template.variable_of(kind)) is not None}
    known = template.variables
    old = {n: v for n, v in (entry.values if entry else {}).items() if n in known}
    chosen_by_hand = {n: old[n] for n in (entry.given if entry else ()) if n in old}
    configured = {n: v for n, v in configured.items() if n in known}
    chooser = template.database
    if chooser is None:
        return Settled({**old, **configured, **chosen_by_hand})
    offered = {name: template.databases[name] for name in chooser.choices}
    hints = gathered.hints if gathered is not None else []
    first = decide(hints, offered)
    wanted = next(
        (
            str(layer[chooser.name])
            for layer in (given, chosen_by_hand, configured)
            if chooser.name in layer
        ),
        None,
    )
    found = first.values.get("database")
    conflicts: dict[str, tuple[Choice, ...]] = {}
    if wanted is None and found is None and "database" in first.conflicts:
        conflicts[chooser.name] = first.conflicts["database"]
    fallback = old.get(chooser.name) or chooser.default
    name = wanted or (found.value if found else None) or (str(fallback) if fallback else None)
    database = find_database(name, offered) if name else None
    if database is None:
        # none is known, or one that the template refuses
        return Settled(
            {**configured, **chosen_by_hand}, {}, dict(_by_name(first, names)), conflicts, first
        )
    decision = first if found and wanted is None else decide(hints, offered, database.name)
    says = dict(_by_name(decision, names))
    if found:
        says[chooser.name] = found
    if old.get(chooser.name) != database.name:
        # what was right for another database says nothing of this one
        own = {n for n in known if n not in names.values() and known[n].when is None}
        old = {n: v for n, v in old.items() if n in own}
        chosen_by_hand = {n: v for n, v in chosen_by_hand.items() if n in own}
    in_config = find_database(str(configured.get(chooser.name, name)), offered)
    if in_config is not database:
        configured = {n: v for n, v in configured.items() if n not in names.values()}
    for kind, choices in decision.conflicts.items():
        variable = names.get(kind)
        if variable and not any(variable in layer for layer in (given, chosen_by_hand, configured)):
            conflicts[variable] = choices
    read = {n: choice.value for n, choice in says.items()}
    values = {**old, **read, **configured, **chosen_by_hand, chooser.name: database.name}
    used = {
        n: choice
        for n, choice in says.items()
        if n not in given and n not in configured and n not in chosen_by_hand
    }
    return Settled(values, used, says, conflicts, decision)


def _by_name(decision: Decision, names: Mapping[str, str]) -> list[tuple[str, Choice]]:
    return [(names[kind], choice) for kind, choice in decision.values.items() if kind in names]


def chosen_by_hand(
    variant: Variant,
    given: Mapping[str, Value],
    settled: Settled,
    configured: Mapping[str, Value],
    entry: Entry | None,
) -> tuple[str, ...]:
    """The names of values that are to be kept whatever the project says later: given now, or the last time.

    A value that the project says itself is none: when the project moves on, the agent does.
    """
    names = {
        name
        for name in given
        if variant.values[name] not in (_said(settled.says.get(name)), configured.get(name))
    }
    for name in entry.given if entry else ():
        value = variant.values.get(name)
        if entry and name not in given and value is not None and value == entry.values.get(name):
            names.add(name)
    return tuple(sorted(names))


def _said(choice: Choice | None) -> str | None:
    return choice.value if choice else None
