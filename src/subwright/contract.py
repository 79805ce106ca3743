"""What an agent must have: sections, tools, size; one check for templates and for agents held to it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from subwright import claude_code
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.spec import Spec


class ContractError(DiagnosticError):
    """An agent that breaks its contract."""

    exit_status = 1


class Requirement(NamedTuple):
    """One required thing and the place that requires it."""

    value: Any
    source: Source
    span: Span


class Breach(NamedTuple):
    """One thing in which an agent breaks its contract.

    `span` is where that shows in the agent. `unmet` is the requirement, where the agent lacks something or has too
    much of it, rather than has something wrong.
    """

    span: Span
    message: str
    help: str | None = None
    unmet: Requirement | None = None


class Contract:
    """The required `##` sections in their order, exactly the tools, and the most characters."""

    KEYS = ("sections", "tools", "max_characters", "max_description_characters")

    def __init__(
        self,
        sections: tuple[Requirement, ...] = (),
        tools: tuple[Requirement, ...] | None = None,
        max_characters: Requirement | None = None,
        max_description_characters: Requirement | None = None,
    ) -> None:
        self.sections = sections
        self.tools = tools
        self.max_characters = max_characters
        self.max_description_characters = max_description_characters

    @classmethod
    def of(cls, entries: Mapping[str, Sequence[Requirement]]) -> Contract:
        """The contract of entries by their keys in `KEYS`."""
        return cls(
            sections=tuple(entries.get("sections", ())),
            tools=tuple(entries["tools"]) if "tools" in entries else None,
            max_characters=next(iter(entries.get("max_characters", ())), None),
            max_description_characters=next(
                iter(entries.get("max_description_characters", ())), None
            ),
        )

    def check(self, spec: Spec) -> Iterator[Diagnostic]:
        """Where an agent breaks the contract, for who wrote both.

        What is there and wrong is reported in the agent, what is missing at the requirement.
        """
        for breach in self.breaches(spec):
            source, span = spec.source, breach.span
            if breach.unmet:
                source, span = breach.unmet.source, breach.unmet.span
            yield Diagnostic(source, span, breach.message, breach.help)

    def breaches(self, spec: Spec) -> Iterator[Breach]:
        """In what an agent breaks the contract."""
        yield from self._sections(spec)
        if self.tools is not None:
            yield from self._tools(spec, self.tools)
        yield from _size(self.max_characters, len(spec.source.text), "the agent", Span(0, 0))
        field = spec.field("description")
        if field and isinstance(field.data, str):
            limit = self.max_description_characters
            yield from _size(limit, len(field.data), "the description", field.key)

    def _sections(self, spec: Spec) -> Iterator[Breach]:
        if not self.sections:
            return
        headings = [heading for heading in spec.headings if heading.level == 2]
        titles = [heading.text for heading in headings]
        last = -1
        for requirement in self.sections:
            title = str(requirement.value)
            if title not in titles:
                message = f"the section `## {title}` is missing"
                yield Breach(Span(0, 0), message, unmet=requirement)
                continue
            index = titles.index(title)
            if index < last:
                message = f"the section `{title}` stands before `{titles[last]}`"
                yield Breach(headings[index].span, message, "the contract gives the order")
            last = max(last, index)
        for index, heading in enumerate(headings):
            if heading.text in titles[:index]:
                yield Breach(heading.span, f"the section `{heading.text}` is there twice")

    def _tools(self, spec: Spec, required: tuple[Requirement, ...]) -> Iterator[Breach]:
        field = spec.field("tools")
        granted = claude_code.asked_tools(field.data) if field else None
        where = field.value if field else Span(0, 0)
        if granted is None:
            yield Breach(where, "the agent asks for all tools, its contract for some")
            return
        for requirement in required:
            if requirement.value not in granted:
                message = f"the tool `{requirement.value}` is missing from `tools`"
                yield Breach(field.key if field else where, message, unmet=requirement)
        names = {requirement.value for requirement in required}
        for tool in granted:
            if tool not in names:
                yield Breach(where, f"`tools` has `{tool}`, which the contract does not list")


def _size(limit: Requirement | None, size: int, what: str, span: Span) -> Iterator[Breach]:
    if limit is None:
        return
    try:
        most = int(limit.value)
    except (TypeError, ValueError):
        yield Breach(span, f"`{limit.value}` is no number of characters", unmet=limit)
        return
    if size > most:
        message = f"{what} has {size:,} characters, {size - most:,} more than its contract allows"
        yield Breach(span, message, unmet=limit)
