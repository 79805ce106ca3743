"""All findings as one JSON object; docs/schema/lint-1.json says what stands in it."""

from __future__ import annotations

import json
from typing import Any

from subwright import __version__, claude_code
from subwright.diagnostic import Diagnostic, Fix, Source, Span
from subwright.output.report import Report, wellformed

VERSION = 1


def as_json(report: Report) -> str:
    """Everything that is known of each finding, with the version of this form."""
    counts = report.counts
    return encode(
        {
            "version": VERSION,
            "tool": {
                "name": "subwright",
                "version": __version__,
                "claude_code": claude_code.VERSION,
            },
            "summary": {
                "files": len(report.files),
                "mended": report.mended,
                **counts._asdict(),
            },
            "diagnostics": [_diagnostic(diagnostic) for diagnostic in report.diagnostics],
        }
    )


def encode(data: Any) -> str:
    """Data as JSON, for people to read too."""
    return wellformed(json.dumps(data, indent=2, ensure_ascii=False))


def _diagnostic(found: Diagnostic) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "severity": found.severity.value,
        "message": found.message,
        "help": found.help,
        **_place(found.source, found.span),
        "fix": _fix(found.source, found.fix) if found.fix else None,
        "related": [
            {"message": related.message, **_place(related.source, related.span)}
            for related in found.related
        ],
    }


def _fix(source: Source, fix: Fix) -> dict[str, Any]:
    edits = [{**_span(source, edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "edits": edits}


def _place(source: Source, span: Span) -> dict[str, Any]:
    return {"path": source.path, **_span(source, span)}


def _span(source: Source, span: Span) -> dict[str, Any]:
    return {"start": _position(source, span.start), "end": _position(source, span.end)}


def _position(source: Source, offset: int) -> dict[str, int]:
    return {**source.position(offset)._asdict(), "offset": offset}
