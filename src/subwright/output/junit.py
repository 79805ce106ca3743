"""JUnit's XML, for CI servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from subwright.diagnostic import Diagnostic
from subwright.output.report import Report
from subwright.patterns import lazy

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NO_XML = lazy("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """A suite for each file with a failed case for each finding, or a passed one."""
    from xml.etree import ElementTree as Xml

    found: dict[str, list[Diagnostic]] = {path: [] for path in report.files}
    for diagnostic in report.diagnostics:
        found.setdefault(diagnostic.source.path, []).append(diagnostic)
    count = len(report.diagnostics)
    clean = sum(not own for own in found.values())
    root = Xml.Element("testsuites", name="subwright lint")
    root.attrib |= {"tests": str(count + clean), "failures": str(count)}
    for path, own in found.items():
        suite = Xml.SubElement(root, "testsuite", name=xml_text(path))
        suite.attrib |= {"tests": str(len(own) or 1), "failures": str(len(own))}
        for diagnostic in own:
            line, column = diagnostic.position
            name = f"{diagnostic.rule or diagnostic.severity.value} ({line}:{column})"
            case = Xml.SubElement(suite, "testcase", classname=xml_text(path), name=name)
            message = xml_text(diagnostic.message)
            failure = Xml.SubElement(case, "failure", message=message)
            failure.set("type", diagnostic.severity.value)
            failure.text = xml_text(_text(diagnostic))
        if not own:
            Xml.SubElement(suite, "testcase", classname=xml_text(path), name="nothing found")
    return document(root)


def document(root: Element) -> str:
    """The document of a root element."""
    from xml.etree import ElementTree as Xml

    Xml.indent(root)
    # of a text, the standard library declares the encoding of the locale
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode")


def xml_text(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return _NO_XML.sub("?", text)


def _text(found: Diagnostic) -> str:
    line, column = found.position
    lines = [f"{found.source.path}:{line}:{column}: {found.severity.value}: {found.message}"]
    if found.help:
        lines.append(f"help: {found.help}")
    return "\n".join(lines)
