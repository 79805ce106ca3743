"""The forms in which a proof is reported: functions from proofs to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from subwright.languages import PYTHON, SHELL
from subwright.output.as_json import encode
from subwright.output.frames import frames, printable
from subwright.output.github import annotation
from subwright.output.junit import document, xml_text
from subwright.output.report import aligned
from subwright.prove import Proof, Result


def full(proofs: Sequence[Proof]) -> str:
    """Each failure with its place in the agent, then a table of all variants."""
    parts = []
    for proof in proofs:
        for result in proof.failed:
            if result.diagnostic is not None:
                parts.append(frames([result.diagnostic]))
            else:
                parts.append(f"{printable(proof.agent)}: error: {printable(result.message)}")
            if result.detail:
                lines = result.detail.split("\n")
                parts.append("\n".join(f"      {printable(line)}".rstrip() for line in lines))
    parts.append(table(proofs))
    return "\n".join(parts)


def table(proofs: Sequence[Proof]) -> str:
    """One line for each proof: what ran, what was only read, what failed."""
    rows = [
        [
            "agent",
            "on",
            "Python run",
            "commands run",
            "parsed only",
            "tests",
            "statements",
            "failed",
        ]
    ]
    for proof in proofs:
        python = [r for r in proof.results if r.block and r.language in PYTHON]
        shell = [r for r in proof.results if r.block and r.language in SHELL]
        tests = [r for r in proof.results if not r.block]
        rows.append(
            [
                printable(proof.variant or proof.agent),
                f"{proof.database} {proof.server}".strip() or "nothing",
                _share(python),
                _share(shell),
                str(proof.count("parsed")),
                _share(tests) if tests else "",
                f"{proof.statements:,}",
                str(len(proof.failed)) + (f", try {proof.tries}" if proof.tries > 1 else ""),
            ]
        )
    return "\n".join(aligned(rows))


def _share(results: Sequence[Result]) -> str:
    """How many of those passed that are not for another variant."""
    asked = [result for result in results if result.status != "skipped"]
    return f"{sum(result.status == 'passed' for result in asked)}/{len(asked)}"


def concise(proofs: Sequence[Proof]) -> str:
    """One line for each failure, for editors."""
    lines = []
    for proof in proofs:
        for result in proof.failed:
            found = result.diagnostic
            where = f"{found.source.path}:{found.position.line}" if found else proof.agent
            variant = f" [{proof.variant}]" if proof.variant else ""
            lines.append(printable(f"{where}: error: {result.message}{variant}"))
    return "\n".join(lines)


def as_json(proofs: Sequence[Proof]) -> str:
    """Everything, as one JSON object with the version of its form."""
    return encode({"version": 1, "proofs": [_record(proof) for proof in proofs]})


def _record(proof: Proof) -> dict[str, Any]:
    return {
        "agent": proof.agent,
        "variant": proof.variant or None,
        "database": proof.database or None,
        "server": proof.server or None,
        "tries": proof.tries,
        "libraries": proof.libraries,
        "results": [
            {
                "title": result.title,
                "status": result.status,
                "block": result.block or None,
                "language": result.language or None,
                "line": result.line or None,
                "message": result.message or None,
                "detail": result.detail or None,
                "statements": result.statements,
                "source": result.diagnostic.source.path if result.diagnostic else None,
                "source_line": result.diagnostic.position.line if result.diagnostic else None,
            }
            for result in proof.results
        ],
    }


def github(proofs: Sequence[Proof]) -> str:
    """Annotations of GitHub's workflow commands."""
    lines = []
    for proof in proofs:
        for result in proof.failed:
            found = result.diagnostic
            where = {"file": found.source.path, "line": found.position.line} if found else {}
            variant = f" ({proof.variant})" if proof.variant else ""
            lines.append(
                annotation("error", result.message + variant, **where, title="subwright prove")
            )
    return "\n".join(lines)


def junit(proofs: Sequence[Proof]) -> str:
    """JUnit's XML, a suite for each proof."""
    from xml.etree import ElementTree as Xml

    root = Xml.Element("testsuites")
    for proof in proofs:
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=xml_text(f"{proof.agent} {proof.variant}".strip()),
            tests=str(len(proof.results)),
            failures=str(len(proof.failed)),
            skipped=str(sum(1 for r in proof.results if r.status in ("parsed", "skipped"))),
        )
        for number, result in enumerate(proof.results, 1):
            title = f"{result.title} (line {result.line})" if result.line else result.title
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=xml_text(proof.variant or proof.agent),
                name=xml_text(title),
            )
            case.set("id", str(number))
            if result.status == "failed":
                failure = Xml.SubElement(case, "failure", message=xml_text(result.message))
                failure.text = xml_text(result.detail)
            elif result.status in ("parsed", "skipped"):
                Xml.SubElement(case, "skipped", message=xml_text(result.message))
    return document(root)


FORMATS: Mapping[str, Callable[[Sequence[Proof]], str]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "github": github,
    "junit": junit,
}
