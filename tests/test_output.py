"""What the report formats print, over findings that are hard to print."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree as Xml

import click
import jsonschema
import pytest
from conftest import ROOT

from subwright import __version__, claude_code, linter
from subwright.agent import Agent
from subwright.cli.lint import FORMATS as CHOICES
from subwright.diagnostic import Diagnostic, Edit, Fix, Position, Related, Severity, Source, Span
from subwright.output import BY_FILE, FORMATS, Counts, Report, render, statistics, summary
from subwright.output.frames import frames, printable
from subwright.rules import Finding, Rule

DATA = ROOT / "tests/data/output"
SCHEMAS = {"json": ROOT / "docs/schema/lint-1.json", "sarif": DATA / "sarif-schema-2.1.0.json"}
SNAPSHOTS = {
    "full": "full.ansi",
    "concise": "concise.txt",
    "json": "lint.json",
    "sarif": "lint.sarif",
    "github": "github.txt",
    "junit": "junit.xml",
}
CONCISE = re.compile(
    r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning|info): "
    r"(?P<message>.+?)(?: \[(?P<rule>[a-z0-9-]+)\])?"
)


def no_frame(agent: Agent) -> Iterator[Finding]:
    """The file has no frame.

    Claude Code skips a file without a frame and says nothing.

    ```fail
    text
    ```

    ```pass
    ---
    ---
    ```
    """
    yield from ()


def plain_colon(agent: Agent) -> Iterator[Finding]:
    """A value has `: ` in it.

    It is `{{ read }}` twice:

    - as it stands
    - with quotes

    ````fail path=a.md plugin
    key: a: b
    ```
    ````

    ```fix
    key: "a: b"
    ```

    ```pass
    key: "a: b"
    ```
    """
    yield from ()


def long_name(agent: Agent) -> Iterator[Finding]:
    """The name is long.

    It takes space.

    ```fail times=3
    name: x
    ```

    ```pass
    name: y
    ```
    """
    yield from ()


RULES = (
    Rule("no-frame", Severity.ERROR, "loading", no_frame, stops=True),
    Rule("plain-colon", Severity.WARNING, "loading", plain_colon, fixable=True),
    Rule("long-name", Severity.INFO, "fields", long_name),
)

PLAIN = Source("agents/reviewer.md", "---\nname: reviewer\nname: critic\ndescription: a: b\n---\n")
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
ACCENT = "e\u0301"
WIDE = Source(
    "agents/漢字 100%.md",
    f"---\r\nname: 漢字\tx {FAMILY} {ACCENT}\r\n---\r\n\r\nend\r\n",
)
HOSTILE = Source(
    "odd: a,b\n::error::\udcff/x.md", "a\x1b]0;t\x07\x00b\u202ec\u200bd {0} ]]> <b> &\n"
)
LONG = Source("agents/long.md", f"{'a' * 500}\tX{'b' * 500}\n")


def find(source: Source, text: str, message: str, **more: Any) -> Diagnostic:
    """A finding about the first place where a text stands."""
    start = source.text.index(text)
    return Diagnostic(source, Span(start, start + len(text)), message, **more)


def diagnostics() -> Iterator[Diagnostic]:
    yield find(
        PLAIN,
        "name: critic",
        "duplicate key `name`",
        severity=Severity.WARNING,
        related=(
            Related(PLAIN, Span(4, 8), "first given here"),
            Related(HOSTILE, Span(1, 2), "and {here}\x1b[2J"),
        ),
    )
    start = PLAIN.text.index("a: b")
    yield find(
        PLAIN,
        "a: b",
        "the value holds `: `",
        help="quote it",
        severity=Severity.WARNING,
        rule="plain-colon",
        fix=Fix(
            "quote the value",
            (Edit(Span(start, start), '"'), Edit(Span(start + 4, start + 4), '"')),
        ),
    )
    yield find(PLAIN, "---\nname: reviewer\n", "over several lines", rule="no-frame")
    end = len(PLAIN.text)
    yield Diagnostic(PLAIN, Span(end, end), "at the end, where nothing stands", rule="no-frame")
    yield Diagnostic(PLAIN, Span(end - 1, end - 1), "at the end of the last line")
    yield find(WIDE, "漢字", "two characters of two columns each", rule="no-frame")
    yield find(WIDE, "x ", "after a tab", severity=Severity.INFO, rule="long-name")
    yield find(WIDE, FAMILY, "three people joined into one character", rule="no-frame")
    yield find(WIDE, ACCENT, "a letter with a mark of its own", rule="no-frame")
    yield find(
        WIDE,
        "\r\n---\r\n\r\n",
        "from the end of a line on, 100 % of it",
        fix=Fix("take the lines out", (Edit(Span(24, 33), "\n\t漢{0}"),)),
    )
    yield find(HOSTILE, "\x1b]0;t\x07", "escapes \x1b[2J, {0}\nand a line", help="take \x1b out")
    yield find(HOSTILE, "\u202e", "turns the text around", rule="no-frame")
    yield find(HOSTILE, "\u200b", "is not seen", rule="no-frame")
    yield find(LONG, "X", "in the middle of a long line", rule="long-name")
    yield find(LONG, "b" * 500, "a long span", rule="long-name")
    yield find(LONG, "b" * 500, "a long span", rule="long-name")


FOUND = tuple(diagnostics())
REPORT = Report(FOUND, (*dict.fromkeys(d.source.path for d in FOUND), "agents/clean.md"), RULES)
CLEAN = Report((), ("agents/clean.md",), RULES)


@pytest.mark.parametrize("style", FORMATS)
def test_snapshots(style: str, snapshot: Callable[[Path, str], None]) -> None:
    text = render(style, REPORT)
    for version in (__version__, claude_code.VERSION):
        text = text.replace(f'"{version}"', '"…"')
    snapshot(DATA / SNAPSHOTS[style], text + "\n")


def test_command_line_offers_every_format() -> None:
    assert tuple(FORMATS) == CHOICES


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("report", [REPORT, CLEAN], ids=["found", "clean"])
def test_text_can_be_written_and_moves_no_terminal(style: str, report: Report) -> None:
    text = click.unstyle(render(style, report))
    text.encode()
    if style in ("full", "concise", "github"):
        assert not set("\x1b\x07\0\u202e\u200b") & set(text)
        assert bool(text) == bool(report.diagnostics)


# Terminals


@pytest.mark.parametrize(
    ("before", "marked", "column", "carets"),
    [
        ("", "x", 0, 1),
        ("ab", "xyz", 2, 3),
        ("\t", "x", 4, 1),
        ("a\t", "x", 4, 1),
        ("a", "\tx", 1, 4),
        ("漢\t", "x", 4, 1),
        ("漢字\t", "x", 8, 1),
        ("漢", "字", 2, 2),
        ("e\u0301", "x", 1, 1),
        ("e", "\u0301", 1, 1),
        ("ก\u0e34", "x", 1, 1),
        ("한", "x", 2, 1),
        ("\u1112\u1161\u11ab", "x", 2, 1),
        ("\U0001f680", "x", 2, 1),
        (FAMILY, "x", 2, 1),
        ("x", FAMILY, 1, 2),
        ("\u2764\ufe0f", "x", 2, 1),
        ("\U0001f44d\U0001f3fd", "x", 2, 1),
        ("\U0001f1e9\U0001f1ea", "x", 2, 1),
        ("1\ufe0f\u20e3", "x", 2, 1),
        ("\u200b", "x", 6, 1),
        ("a", "\u200b", 1, 6),
        ("\ufeff", "---", 6, 3),
        ("\x1b", "x", 4, 1),
    ],
)
def test_carets_stand_under_what_is_marked(
    before: str, marked: str, column: int, carets: int
) -> None:
    source = Source("f.md", f"{before}{marked} end")
    span = Span(len(before), len(before) + len(marked))
    shown = click.unstyle(frames([Diagnostic(source, span, "m")])).splitlines()
    assert shown[3] == "  | " + " " * column + "^" * carets
    assert "\t" not in shown[2]


@pytest.mark.parametrize(
    ("severity", "code"), [(Severity.ERROR, 31), (Severity.WARNING, 33), (Severity.INFO, 34)]
)
def test_color_says_how_grave_it_is(severity: Severity, code: int) -> None:
    text = frames([find(PLAIN, "critic", "m", severity=severity)])
    assert f"\x1b[{code}m\x1b[1m{severity.value}\x1b[0m" in text
    assert f"\x1b[{code}m\x1b[1m^^^^^^\x1b[0m" in text


def test_what_cannot_be_seen_is_shown_as_an_escape() -> None:
    assert printable("a\u200b\u00ad\u2060\ufeff\U000e0041\x1b\n") == (
        r"a\u200b\xad\u2060\ufeff\U000e0041\x1b\n"
    )
    assert printable(f"{FAMILY} \u2764\ufe0f\tن\u200cم") == f"{FAMILY} \u2764\ufe0f\tن\u200cم"


def test_concise_is_read_by_an_expression() -> None:
    lines = render("concise", REPORT).split("\n")
    assert len(lines) == len(FOUND)
    for line, found in zip(lines, FOUND, strict=True):
        read = CONCISE.fullmatch(line)
        assert read, line
        assert read["path"] == printable(found.source.path)
        assert (int(read["line"]), int(read["column"])) == found.position
        assert read["severity"] == found.severity.value
        assert read["message"] == printable(found.message)
        assert read["rule"] == found.rule


@pytest.mark.parametrize("style", sorted(BY_FILE))
def test_a_report_is_those_of_its_files(style: str) -> None:
    parts = [Report((found,), (found.source.path,), RULES) for found in FOUND]
    assert render(style, REPORT) == "\n".join(render(style, part) for part in parts)
    assert Counts.total(part.counts for part in parts) == REPORT.counts


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (CLEAN, "checked 1 file, found nothing"),
        (Report((), (), mended=1), "mended 1 file; checked 0 files, found nothing"),
        (Report(FOUND[:1], ("a",)), "found 1 warning in 1 file"),
        (
            Report(FOUND[:3], ("a",) * 1200, mended=2),
            "mended 2 files; found 1 error, 2 warnings in 1,200 files; `--fix` mends 1",
        ),
        (REPORT, "found 13 errors, 2 warnings, 1 note in 5 files; `--fix` mends 2"),
    ],
)
def test_summary(report: Report, text: str) -> None:
    assert summary(report.counts, len(report.files), report.mended) == text


def test_statistics() -> None:
    assert statistics(CLEAN) == ""
    assert statistics(REPORT).splitlines() == [
        "found  fixable  severity  rule",
        "7      0        error     no-frame",
        "3      1        error     none",
        "3      0        error     long-name",
        "1      0        warning   none",
        "1      0        info      long-name",
        "1      1        warning   plain-colon",
    ]


# Data


@pytest.mark.parametrize("style", SCHEMAS)
@pytest.mark.parametrize("report", [REPORT, CLEAN], ids=["found", "clean"])
def test_data_is_valid(style: str, report: Report) -> None:
    validator(style).validate(json.loads(render(style, report)))


def validator(style: str) -> Any:
    schema = json.loads(SCHEMAS[style].read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"diagnostics": [{}]},
        {"summary": {}},
        {"more": 1},
        {"diagnostics": [{**json.loads(render("json", REPORT))["diagnostics"][0], "start": 1}]},
    ],
)
def test_schema_refuses_what_is_something_else(change: dict[str, Any]) -> None:
    data = json.loads(render("json", REPORT))
    with pytest.raises(jsonschema.ValidationError):
        validator("json").validate({**data, **change})


def test_json_has_everything() -> None:
    data = json.loads(render("json", REPORT))
    assert data["version"] == 1
    assert data["summary"] == {
        "files": 5,
        "mended": 0,
        "errors": 13,
        "warnings": 2,
        "infos": 1,
        "fixable": 2,
    }
    for read, found in zip(data["diagnostics"], FOUND, strict=True):
        text = found.source.text
        assert read["message"] == found.message
        assert read["path"] == found.source.path.replace("\udcff", "\ufffd")
        assert (read["rule"], read["severity"]) == (found.rule, found.severity.value)
        assert read["start"] == place(found.source, found.span.start)
        assert read["end"] == place(found.source, found.span.end)
        edits = [
            Edit(Span(edit["start"]["offset"], edit["end"]["offset"]), edit["text"])
            for edit in (read["fix"] or {"edits": ()})["edits"]
        ]
        own = Diagnostic(found.source, found.span, "", fix=Fix("", tuple(edits)))
        assert linter.fixed(text, [own]) == linter.fixed(text, [found])
        assert [r["message"] for r in read["related"]] == [r.message for r in found.related]


def place(source: Source, offset: int) -> dict[str, int]:
    before = source.text[:offset]
    line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
    return {"line": line, "column": column, "offset": offset}


def test_sarif_says_what_was_found() -> None:
    (run,) = json.loads(render("sarif", REPORT))["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": True}]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.name for rule in RULES]
    assert [rule["defaultConfiguration"] for rule in rules] == [
        {"level": "error", "enabled": True},
        {"level": "warning", "enabled": True},
        {"level": "note", "enabled": False},
    ]
    levels = {"error": "error", "warning": "warning", "info": "note"}
    for result, found in zip(run["results"], FOUND, strict=True):
        assert result["level"] == levels[found.severity.value]
        assert result.get("ruleId") == found.rule
        if found.rule:
            assert rules[result["ruleIndex"]]["id"] == found.rule
        said = result["message"]["text"].replace("{{", "{").replace("}}", "}")
        assert said == found.message + (f"\n{found.help}" if found.help else "")
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]
        assert os.fsdecode(unquote_to_bytes(uri["uri"])) == found.source.path
        assert uri["uriBaseId"] == "%SRCROOT%"
        assert re.fullmatch(r"[\w./~-]|(?:[\w./~-]|%[0-9A-F]{2})+", uri["uri"], re.ASCII)
        region = location["physicalLocation"]["region"]
        assert offsets(found.source, region) == found.span
        replacements = [
            Edit(offsets(found.source, change["deletedRegion"]), change["insertedContent"]["text"])
            for fix in result.get("fixes", ())
            for artifact in fix["artifactChanges"]
            for change in artifact["replacements"]
        ]
        assert tuple(replacements) == (found.fix.edits if found.fix else ())
        assert len(result.get("relatedLocations", ())) == len(found.related)
    prints = [result["partialFingerprints"]["subwright/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def offsets(source: Source, region: dict[str, int]) -> Span:
    def offset(line: int, column: int) -> int:
        return sum(len(text) + 1 for text in source.text.split("\n")[: line - 1]) + column - 1

    return Span(
        offset(region["startLine"], region["startColumn"]),
        offset(region["endLine"], region["endColumn"]),
    )


def test_fingerprint_stays_when_lines_are_put_in_above() -> None:
    def fingerprint(text: str) -> str:
        found = find(Source("a.md", text), "critic", "m", rule="no-frame")
        data = json.loads(render("sarif", Report((found,), ("a.md",))))
        return str(data["runs"][0]["results"][0]["partialFingerprints"])

    assert fingerprint("name: critic\n") == fingerprint("more\n\n  name: critic\n")
    assert fingerprint("name: critic\n") != fingerprint("names: critic\n")


def test_uri_of_a_file_elsewhere_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uri(path: Path | str) -> dict[str, str]:
        found = Diagnostic(Source(str(path), "a"), Span(0, 1), "m")
        data = json.loads(render("sarif", Report((found,), (str(path),))))
        location = data["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        return dict(location["artifactLocation"])

    inside = tmp_path / "in"
    inside.mkdir()
    monkeypatch.chdir(inside)
    below = {"uri": "a%20b.md", "uriBaseId": "%SRCROOT%"}
    assert uri("./a b.md") == uri(inside / "a b.md") == uri("../in/a b.md") == below
    assert uri("../a b.md") == {"uri": f"file://{quote(str(tmp_path))}/a%20b.md"}


# CI servers


@pytest.mark.parametrize(
    ("text", "span", "places"),
    [
        ("abc\ndef\n", (1, 2), "line=1,endLine=1,col=2,endColumn=3"),
        ("abc\ndef\n", (0, 4), "line=1,endLine=1,col=1,endColumn=4"),
        ("abc\r\ndef\n", (0, 5), "line=1,endLine=1,col=1,endColumn=4"),
        ("abc\ndef\n", (1, 5), "line=1,endLine=2"),
        ("abc\n", (4, 4), "line=2,endLine=2,col=1,endColumn=1"),
    ],
)
def test_annotation_has_columns_on_one_line_alone(
    text: str, span: tuple[int, int], places: str
) -> None:
    found = Diagnostic(Source("a.md", text), Span(*span), "m", rule="no-frame")
    assert render("github", Report((found,), ("a.md",))) == (
        f"::error file=a.md,{places},title=subwright%3A no-frame::m"
    )


def test_annotations_are_one_line_each() -> None:
    lines = render("github", REPORT).split("\n")
    levels = {"error": "error", "warning": "warning", "info": "notice"}
    for line, found in zip(lines, FOUND, strict=True):
        _, command, message = line.split("::")
        assert command.startswith(f"{levels[found.severity.value]} file=")
        assert message.startswith(printable(found.message.split("\n")[0]).replace("%", "%25"))


def test_junit_has_a_case_for_each_finding_and_each_clean_file() -> None:
    root = Xml.fromstring(render("junit", REPORT))
    assert root.attrib == {"name": "subwright lint", "tests": "17", "failures": "16"}
    assert [len(suite) for suite in root] == [int(suite.attrib["tests"]) for suite in root]
    failures = root.findall("testsuite/testcase/failure")
    assert len(failures) == len(FOUND)
    (clean,) = [suite for suite in root if suite.attrib["failures"] == "0"]
    assert clean.attrib["name"] == "agents/clean.md"
    assert [list(case) for case in clean] == [[]]


def test_position_counts_characters() -> None:
    assert find(WIDE, ACCENT, "m").position == Position(2, 18)
