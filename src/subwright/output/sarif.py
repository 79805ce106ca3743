"""SARIF 2.1.0, the form that code scanning services read."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from subwright import __version__
from subwright.diagnostic import Diagnostic, Fix, Severity, Source, Span
from subwright.output.as_json import encode
from subwright.output.explained import section
from subwright.output.report import Report
from subwright.rules import Rule
from subwright.rules.documentation import documentation, effect

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(report: Report) -> str:
    """A run with the rules and what they found."""
    driver = {
        "name": "subwright",
        "version": __version__,
        "rules": [_descriptor(rule) for rule in report.rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": _results(report),
    }
    return encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _descriptor(rule: Rule) -> dict[str, Any]:
    said = documentation(rule)
    return {
        "id": rule.name,
        "shortDescription": {"text": said.summary},
        "fullDescription": {"text": f"{said.summary} {effect(rule)}"},
        "help": {"text": said.why, "markdown": section(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity], "enabled": rule.default},
        "properties": {"tags": [rule.family]},
    }


def _results(report: Report) -> list[dict[str, Any]]:
    index = {rule.name: number for number, rule in enumerate(report.rules)}
    seen: Counter[str] = Counter()
    results = []
    for found in report.diagnostics:
        fingerprint = _fingerprint(found)
        seen[fingerprint] += 1
        result: dict[str, Any] = {
            "level": LEVELS[found.severity],
            "message": _message("\n".join(filter(None, (found.message, found.help)))),
            "locations": [_location(found.source, found.span)],
            "partialFingerprints": {"subwright/v1": f"{fingerprint}:{seen[fingerprint]}"},
        }
        if found.rule:
            result["ruleId"] = found.rule
        if found.rule in index:
            result["ruleIndex"] = index[found.rule]
        if found.related:
            result["relatedLocations"] = [
                {**_location(related.source, related.span), "message": _message(related.message)}
                for related in found.related
            ]
        if found.fix:
            result["fixes"] = [_fix(found.source, found.fix)]
        results.append(result)
    return results


def _fingerprint(found: Diagnostic) -> str:
    """What stays of a finding when lines are put in above it or its file is moved."""
    from hashlib import sha256

    line = found.source.line(found.position.line).strip()
    text = "\0".join((found.rule or "", found.message, line))
    return sha256(text.encode(errors="replace")).hexdigest()[:16]


def _message(text: str) -> dict[str, str]:
    # a brace begins a placeholder there
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _location(source: Source, span: Span) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(source.path),
            "region": _region(source, span),
        }
    }


def _region(source: Source, span: Span) -> dict[str, int]:
    start, end = source.position(span.start), source.position(span.end)
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }


def _artifact(path: str) -> dict[str, str]:
    """Where a file is: from the working directory on, which CI servers take for the repository, if it is below it."""
    from urllib.parse import quote

    absolute, here = Path(os.path.normpath(Path(path).absolute())), Path.cwd()
    if not absolute.is_relative_to(here):
        return {"uri": absolute.as_uri()}
    relative = absolute.relative_to(here).as_posix()
    return {"uri": quote(os.fsencode(relative)), "uriBaseId": "%SRCROOT%"}


def _fix(source: Source, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(source, edit.span), "insertedContent": {"text": edit.text}}
        for edit in fix.edits
    ]
    change = {"artifactLocation": _artifact(source.path), "replacements": replacements}
    return {"description": _message(fix.title), "artifactChanges": [change]}
