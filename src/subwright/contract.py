"""What an agent must have: sections, tools, size; one check for templates and for agents held to it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from subwright import claude_code
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.spec import Spec


class ContractError(DiagnosticError):
    """An agent that breaks its contract."""

    exit_status = 1


@dataclass(frozen=True)
class Requirement:
    """One required thing and the place that requires it."""

    value: Any
    source: Source
    span: Span


@dataclass(frozen=True)
class Contract:
    """The required `##` sections in their order, exactly the tools, and the most characters."""

    sections: tuple[Requirement, ...] = ()
    tools: tuple[Requirement, ...] | None = None
    max_characters: Requirement | None = None
    max_description_characters: Requirement | None = None

    KEYS: ClassVar = ("sections", "tools", "max_characters", "max_description_characters")

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
        """Where an agent breaks the contract.

        What is there and wrong is reported in the agent, what is missing at the requirement.
        """
        yield from self._sections(spec)
        if self.tools is not None:
            yield from self._tools(spec, self.tools)
        yield from _size(self.max_characters, len(spec.source.text), "the agent")
        description = spec.data.get("description")
        if isinstance(description, str):
            yield from _size(self.max_description_characters, len(description), "the description")

    def _sections(self, spec: Spec) -> Iterator[Diagnostic]:
        headings = [heading for heading in spec.headings if heading.level == 2]
        titles = [heading.text for heading in headings]
        last = -1
        for requirement in self.sections:
            title = str(requirement.value)
            if title not in titles:
                yield Diagnostic(
                    requirement.source, requirement.span, f"the section `## {title}` is missing"
                )
                continue
            index = titles.index(title)
            if index < last:
                yield Diagnostic(
                    spec.source,
                    headings[index].span,
                    f"the section `{title}` stands before `{titles[last]}`",
                    "the contract gives the order",
                )
            last = max(last, index)
        for index, heading in enumerate(headings):
            if self.sections and heading.text in titles[:index]:
                yield Diagnostic(
                    spec.source, heading.span, f"the section `{heading.text}` is there twice"
                )

    def _tools(self, spec: Spec, required: tuple[Requirement, ...]) -> Iterator[Diagnostic]:
        field = spec.field("tools")
        granted = claude_code.asked_tools(field.data) if field else None
        if granted is None:
            where = field.value if field else Span(0, 0)
            yield Diagnostic(
                spec.source, where, "the agent asks for all tools, its contract for some"
            )
            return
        for requirement in required:
            if requirement.value not in granted:
                yield Diagnostic(
                    requirement.source,
                    requirement.span,
                    f"the tool `{requirement.value}` is missing from `tools`",
                )
        names = {requirement.value for requirement in required}
        for tool in granted:
            if tool not in names:
                span = field.value if field else Span(0, 0)
                yield Diagnostic(
                    spec.source, span, f"`tools` has `{tool}`, which the contract does not list"
                )


def _size(limit: Requirement | None, size: int, what: str) -> Iterator[Diagnostic]:
    if limit is None:
        return
    try:
        most = int(limit.value)
    except (TypeError, ValueError):
        yield Diagnostic(limit.source, limit.span, f"`{limit.value}` is no number of characters")
        return
    if size > most:
        yield Diagnostic(
            limit.source,
            limit.span,
            f"{what} has {size:,} characters, {size - most:,} more than its contract allows",
        )
