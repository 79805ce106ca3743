"""Proofs: what passes, what fails and where, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from conftest import ROOT

from subwright.cli import main, proving
from subwright.cli.common import library
from subwright.diagnostic import Diagnostic, Source, Span
from subwright.output.frames import frames
from subwright.prove import Proof, blocks, record, report
from subwright.prove import Result as Told
from subwright.prove.database import scratch_database
from subwright.prove.printed import compare
from subwright.prove.project import Project, ProjectError
from subwright.spec import parse

MINI = ROOT / "tests" / "data" / "prove"
Run = Callable[..., Result]
Change = Callable[[str, str], None]


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the small template, as the working directory; its own temporary folder inside."""
    folder = tmp_path / "templates"
    (folder / "tests").mkdir(parents=True)
    (folder / "mini.md").write_bytes((MINI / "mini.md").read_bytes())
    (folder / "tests" / "test_mini.py").write_bytes((MINI / "tests" / "test_mini.py").read_bytes())
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def run(templates: Path) -> Iterator[Run]:
    """Prove the small template, and see afterwards that no file and no process is left."""

    def invoke(*args: str) -> Result:
        result = CliRunner().invoke(main, ["prove", "--templates", "templates", *args])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        assert "Traceback" not in result.output
        return result

    yield invoke
    assert list((templates.parent / "tmp").iterdir()) == []
    assert left_processes(templates.parent) == []


@pytest.fixture
def change(templates: Path) -> Change:
    """Replace a text in the small template, once."""

    def replace(old: str, new: str) -> None:
        path = templates / "mini.md"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def left_processes(folder: Path) -> list[str]:
    """The command lines of processes that work below a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*") if Path("/proc").is_dir() else ():
        try:
            if str(entry.joinpath("cwd").resolve()).startswith(f"{folder}/"):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


def line_of(templates: Path, text: str) -> int:
    """The line of the template that holds a text; of a text of several lines the last one."""
    found = (templates / "mini.md").read_text(encoding="utf-8").partition(text)
    assert found[1]
    return found[0].count("\n") + text.count("\n") + 1


def test_all_blocks_of_a_good_agent_pass(run: Run) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    head, row = result.stdout.splitlines()
    assert re.split(r" {2,}", head)[2:] == [
        "Python run",
        "commands run",
        "parsed only",
        "tests",
        "statements",
        "failed",
    ]
    assert row.startswith("sqlite-")
    assert re.split(r" {2,}", row)[2:6] == ["4/5", "1/1", "3", "1/1"]
    assert row.endswith("  0")


def test_skipped_block_gives_its_reason(run: Run) -> None:
    assert re.search(r"parsed +statements \(line \d+\): it shows a shape", run().stderr)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('Item(name="one"))\nawait', 'Item(nane="one"))\nawait', "nane", "'nane' is an invalid keyword"),
        ("== 1\n", "== 2\n", "== 2", "AssertionError"),
        ("statements=2", "statements=1", 'session.add(Item(name="one"))', "costs 2 SQL statements, not 1"),
        ("raises=IntegrityError", "raises=KeyError", "same name twice", "another error than `KeyError`"),
        ('Item(name="one")])', 'Item(name="two")])', "add_all", "does not raise `IntegrityError`: it passes"),
        ("await session.flush()\n", "await sesion.flush()\n", "sesion", "undefined name `sesion`"),
        ("item.name}", "item.title}", "item.title}", "no attribute 'title'"),
        ("AsyncSession(engine)", "AsyncSesion(engine)", "AsyncSesion(", "undefined name `AsyncSesion`"),
        ("describe\"\n", "descibe\"\n", "descibe\"", "ends with status 1"),
        ('{"name": "one"}', '{"name": "one",}', '{"name"', "not JSON"),
        ("python -m pytest -q tests", "python -m pytest 'tests", "pytest 'tests", "not shell"),
        ("session.add(Item", "while True: pass\nsession.add(Item", "while True", "did not end within"),
        ("session.add(Item", "import os; os._exit(3)\nsession.add(Item", "os._exit", "ended with status 3"),
        ("session.add(Item", "raise SystemExit\nsession.add(Item", "raise SystemExit", "SystemExit"),
        ("    pass\n", "    pas\n", "    pas", "undefined name `pas`"),
        ("More of the same file:", "```python ../x.py\nX = 1\n```\n", "../x.py", "leads out of the project"),
        ("More of the same file:", "```python app/db.py/x.py\nX = 1\n```\n", "app/db.py/x.py", "cannot be written: "),
        ("python -m pytest -q tests", "python -c 'print(300000 * \"x\")'; false", "300000 *", "`python -c "),
        ("python -m pytest -q tests", "echo 'subwright: line abc'; false", "line abc'", "ends with status 1"),
        ("python -m pytest -q tests", "echo 'subwright: line 99'; false", "app.db import d", "`commands` ends"),
        ("session.add(Item", "1 + " + "-" * 100_000 + "1\nsession.add(Item", "```python\n1 +", "nested too deeply"),
        ('{"name": "one"}', "[" * 100_000, "[[[", "nested too deeply"),
        ("```text\nanything at all", "```yaml\n" + "[" * 5000, "[[[", "nested too deeply"),
        ("anything at all\n```", "anything at all\n```\n\n```text output\n1 passed\n```", "1 passed", "prints `."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_at_its_line(
    run: Run,
    change: Change,
    templates: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    line: str,
    message: str,
) -> None:
    monkeypatch.setattr("subwright.prove.statements.SECONDS", 10.0)
    change(old, new)
    result = run("--output-format", "concise")
    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    assert message in first
    assert first.startswith(f"templates/mini.md:{line_of(templates, line)}: error: ")


def test_hanging_example_does_not_stop_the_others(
    run: Run, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subwright.prove.statements.SECONDS", 10.0)
    change('session.add(Item(name="one"))', "while True: pass")
    result = run()
    assert result.exit_code == 1
    assert "passed  raises IntegrityError" in click.unstyle(result.stderr)


def test_fail_fast_stops(run: Run, change: Change) -> None:
    change("== 1\n", "== 2\n")
    result = run("-x")
    assert "raises IntegrityError" not in result.stderr
    assert result.stdout.splitlines()[-1].endswith("  1"), (
        "the table stands at the end all the same"
    )


def test_only_runs_the_blocks_at_lines(run: Run, templates: Path) -> None:
    line = line_of(templates, "add_all")
    result = run("--only", f"{line}", "--output-format", "json")
    (proof,) = json.loads(result.stdout)["proofs"]
    assert [(r["title"], r["status"]) for r in proof["results"]] == [
        ("raises IntegrityError", "passed")
    ]
    result = run("--only", "1-2")
    assert result.exit_code == 2
    assert "no code block stands at" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("statements=2", "statemens=2", "unknown mark `statemens`"),
        ("statements=2", "statements=two", "is no number"),
        ("statements=2", "statements=²", "is no number"),
        ("statements=2", "statements=" + "9" * 5000, "is no number"),
        ("statements=2", "statements=", "`statements=` has no value"),
        ("statements=2", "seconds=abc", "`seconds=abc` is no number of seconds"),
        ("statements=2", "seconds=nan", "`seconds=nan` is no number of seconds"),
        ("statements=2", "seconds=0", "`seconds=0` is no number of seconds"),
        ("statements=2", 'before="abc', "is not closed"),
        ('skip="it shows a shape"', 'skip=""', "`skip=` has no value"),
        ("raises=IntegrityError", "raises=", "`raises=` has no value"),
        ("raises=IntegrityError", "raises=1", "`raises=1` is not the name of an error class"),
        ("    tests: tests", "    test: tests", "has no key `test`"),
        ("await make_session()", "await make_session(1)", "the frame's preamble fails"),
    ],
)
def test_wrong_marks_are_refused(
    run: Run, change: Change, old: str, new: str, message: str
) -> None:
    change(old, new)
    result = run()
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert "templates/mini.md:" in result.output
    if "mark" in message:
        assert "help:" in result.stderr


def test_rendered_file_is_proved_by_its_template(run: Run, templates: Path) -> None:
    runner = CliRunner()
    args = ["render", "--templates", "templates", "--database", "sqlite", "-o", "mini.md"]
    assert runner.invoke(main, args).exit_code == 0
    result = run("mini.md")
    assert result.exit_code == 0, result.output
    assert "4/5" in result.stdout
    path = templates.parent / "mini.md"
    path.write_text(path.read_text() + "\nmore\n")
    result = run("mini.md")
    assert "edited since it was rendered" in result.stderr
    assert "0/" not in result.stdout or "2/" in result.stdout


def test_findings_of_a_file_stand_at_its_own_lines(
    run: Run, change: Change, templates: Path
) -> None:
    change("== 1\n", "== 2\n")
    out = templates.parent / ".claude" / "agents"
    args = ["render", "--templates", "templates", "--database", "sqlite", "-o", str(out)]
    assert CliRunner().invoke(main, args).exit_code == 0
    lines = (out / "mini.md").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "== 2" in text)
    assert line != line_of(templates, "== 2")
    file = ".claude/agents/mini.md"
    result = run(file, "--only", f"{line}", "--output-format", "github")
    assert result.stdout.startswith(f"::error file={file},line={line},")


AGENT = """\
---
name: other
description: An agent from elsewhere
---

```python
print(undefined)
```

```python
await something()
```

```bash
touch ran
```

```yaml
a: [1
```

```js title="x"
let x = <<A>>;
```

```python raises=ZeroDivisionError
1 / 0
```
"""


def test_any_agent_file_is_read_and_nothing_runs_without_a_role(run: Run, templates: Path) -> None:
    path = templates.parent / "other.md"
    path.write_text(AGENT)
    result = run("other.md", "--output-format", "concise")
    assert result.exit_code == 1
    *names, broken = result.stdout.splitlines()
    assert names == [
        "other.md:7: error: undefined name `undefined`",
        "other.md:11: error: undefined name `something`",
    ]
    # the words after it are those of libyaml, or of PyYAML where there is none
    assert broken.startswith("other.md:19: error: not YAML: ")
    assert "passed  raises ZeroDivisionError" in click.unstyle(result.stderr)
    assert not list(templates.parent.rglob("ran"))


def test_formats(run: Run, change: Change, templates: Path) -> None:
    change("== 1\n", "== 2\n")
    line = line_of(templates, "== 2")
    text = run("--output-format", "full").stdout
    assert f"templates/mini.md:{line}:" in text
    assert f"{line} | assert await session.scalar" in text
    text = run("--output-format", "github").stdout
    assert text.startswith(
        f"::error file=templates/mini.md,line={line},title=subwright prove::AssertionError"
    )
    root = Xml.fromstring(run("--output-format", "junit").stdout)
    assert root[0].get("failures") == "1"
    assert len(root[0]) == int(root[0].get("tests", "0"))
    data = json.loads(run("--output-format", "json").stdout)
    assert data["version"] == 1
    (failed,) = [r for r in data["proofs"][0]["results"] if r["status"] == "failed"]
    assert (failed["source"], failed["source_line"]) == ("templates/mini.md", line)
    assert data["proofs"][0]["database"] == "SQLite"
    assert data["proofs"][0]["libraries"]["sqlalchemy"].startswith("2.1")


def test_nothing_that_an_agent_holds_moves_the_terminal(run: Run, templates: Path) -> None:
    path = templates.parent / "other.md"
    escapes = "\x1b]0;owned\x07\x1b[2J\u202e"
    path.write_text(AGENT.replace("print(undefined)", f"print(undefined)  # {escapes}"))
    for style in ("full", "concise", "github"):
        output = run("other.md", "--output-format", style).output
        assert not set("\x1b\x07\u202e") & set(output)
    assert r"# \x1b]0;owned\x07\x1b[2J\u202e" in run("other.md").stdout
    told = Told(f"a{escapes}", "failed", message=f"b{escapes}", detail=f"c{escapes}")
    proof = Proof(f"d{escapes}\ufffe\ud800", results=[told])
    assert not set("\x1b\x07\u202e") & set(report.full([proof]))
    (suite,) = Xml.fromstring(report.junit([proof]))
    assert suite.get("name") == "d?]0;owned??[2J\u202e??"
    assert [case.get("name") for case in suite] == ["a?]0;owned??[2J\u202e"]


@pytest.mark.parametrize("at", [0, 1, 500_000, 999_990])
def test_long_line_is_cut_around_what_is_wrong(at: int) -> None:
    text = "a" * at + "\tX" + "b" * (1_000_000 - at)
    shown = click.unstyle(frames([Diagnostic(Source("f.md", text), Span(at + 1, at + 2), "m")]))
    _, _, line, carets = shown.splitlines()
    assert len(line) < 180
    assert line[carets.index("^")] == "X"
    assert carets.count("^") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nothing"], "there is no template `nothing`"),
        (["nothing.md"], "there is no file `nothing.md`"),
        (["folder/nothing.md"], "there is no file `folder/nothing.md`"),
        (["--database", "oracle"], "--database: `oracle` is no choice"),
        (["--version", "9" * 5000], "is no version"),
        (["--database", "mysql", "--url", "sqlite://"], "`--url` is of SQLite, not of MySQL"),
        (
            ["--database", "sqlite", "--set", "DATABASE=mysql"],
            "is given by its option and by --set",
        ),
        (["--version", "3.45", "--set", "VERSION=3.42"], "is given by its option and by --set"),
        (["--set", "=x"], "is not of the form NAME=VALUE"),
        (["--set", "x"], "is not of the form NAME=VALUE"),
        (["--set", "NOTHING=x"], "has no variable `NOTHING`"),
        (["templates/mini.md", "--set", "DATABASE=sqlite"], "are for templates, not for files"),
        (["--only", "x"], "names no lines"),
        (["--only", ""], "names no lines"),
        (["--only", "7-3"], "names no lines"),
        (["--only", "²"], "names no lines"),
        (["--only", "9" * 5000], "names no lines"),
        (["--record", "--only", "30"], "does not go with `--only`"),
        (["--url", ""], "is no database URL"),
        (["--url", "postgresql://h:notaport/x"], "is no database URL"),
        (["--url", "nonsense"], "is no database URL"),
        (["--url", "mongodb://h/d"], "is no database that subwright knows"),
        (["--url", "postgresql://nobody:secret@127.0.0.1:1/x"], "cannot be reached"),
        (["--record"], "needs a folder `agents`"),
    ],
)
def test_wrong_use(run: Run, args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "secret" not in result.output


def test_a_file_is_proved_on_no_other_database(run: Run, templates: Path) -> None:
    rendered = ["render", "--templates", str(templates), "--database", "sqlite", "-o", "agent.md"]
    assert CliRunner().invoke(main, rendered).exit_code == 0
    result = run("agent.md", "--url", "mysql://nobody:secret@127.0.0.1:1/x")
    assert result.exit_code == 2
    assert "`--url` is of MySQL, not of SQLite" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupt_leaves_nothing(templates: Path, change: Change, number: str) -> None:
    sent = signal.Signals[number]
    change("session.add(Item", "import time; time.sleep(60)\nsession.add(Item")
    environment = {**os.environ, "TMPDIR": str(templates.parent / "tmp")}
    process = subprocess.Popen(
        [sys.executable, "-m", "subwright", "prove", "--templates", "templates"],
        cwd=templates.parent,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # under nohup the signal is ignored, and stays so in a child
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(left_processes(templates.parent / "tmp")) < 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(sent)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 128 + sent
    assert "Traceback" not in text
    assert list((templates.parent / "tmp").iterdir()) == []
    assert left_processes(templates.parent / "tmp") == []


def test_record_says_what_was_proved(run: Run, templates: Path) -> None:
    runner = CliRunner()
    out = templates.parent / "agents"
    args = ["render", "--templates", "templates", "--all", "--database", "sqlite", "-o", "agents"]
    assert runner.invoke(main, args).exit_code == 0
    result = run("--record")
    assert result.exit_code == 0
    record = json.loads((out / "PROVED.json").read_text())
    (entry,) = record["agents"].values()
    assert entry["server"].startswith("SQLite 3.")
    assert (entry["python_run"], entry["python"], entry["tests"]) == (4, 5, 1)
    before = (out / "PROVED.json").read_bytes()
    assert run("--record").exit_code == 0
    assert (out / "PROVED.json").read_bytes() == before
    listed = runner.invoke(main, [*args, "--check"])
    assert listed.exit_code == 0, "the record is no left-over"


def test_record_takes_whole_proofs_alone(templates: Path) -> None:
    template = library(templates).templates["mini"]
    rendered = template.render(template.resolve({"DATABASE": "sqlite"}))
    out = templates.parent / "agents"
    (out / rendered.variant.name).mkdir(parents=True)
    (out / record.key(rendered)).write_text(rendered.text, encoding="utf-8")
    told = [
        Told(block.title, "passed", language="py" if block.python else "", block=block.number)
        for block in blocks(rendered.spec, rendered)
    ]
    assert record.write(out, [(Proof("mini", results=told[:-1]), rendered)]) == []
    assert record.write(out, [(Proof("mini", results=told), rendered)]) == ["sqlite-3.53/mini.md"]
    (entry,) = record.read(out).values()
    assert (entry["python"], entry["server"]) == (5, "")


def asked(*targets: str, **options: object) -> proving.Request:
    """What the command line asks for."""
    nothing = {"database": None, "version": None, "settings": (), "everything": False, "url": None}
    rest = {"only": None, "style": "full", "fail_fast": False, "jobs": None, "record": False}
    known = {**nothing, **rest, "templates": Path("templates"), **options}
    return proving.Request(targets, **known)  # type: ignore[arg-type]


SQLITES = ["sqlite-3.35", "sqlite-3.42", "sqlite-3.45", "sqlite-3.53"]


@pytest.mark.parametrize(
    ("options", "variants"),
    [
        ({"settings": ("VERSION=3.53",)}, ["sqlite-3.53"]),
        ({"settings": ("DATABASE=postgresql",)}, ["postgresql-18"]),
        ({"settings": ("DATABASE=pg", "VERSION=16")}, ["postgresql-16"]),
        ({"database": "sqlite3", "version": "3.45.1"}, ["sqlite-3.45"]),
        ({"database": "sqlite", "version": "3.45", "everything": True}, ["sqlite-3.45"]),
        ({"database": "sqlite", "everything": True}, SQLITES),
        ({"url": "sqlite:///x", "everything": True}, SQLITES),
        ({"url": "sqlite:///x", "version": "3.42", "everything": True}, ["sqlite-3.42"]),
        ({"url": "sqlite:///x", "version": "3.42"}, ["sqlite-3.42"]),
        ({"url": "mysql://h/x", "database": "mariadb", "version": "11.8"}, ["mariadb-11.8"]),
        # what the configuration says of one database is nothing about another
        (
            {"database": "sqlite", "version": "17", "everything": True, "configured": {"version"}},
            SQLITES,
        ),
        (
            {"database": "mysql", "url": "sqlite:///x", "version": "3.42", "configured": {"database"}},
            ["sqlite-3.42"],
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_proved(
    templates: Path, options: dict[str, object], variants: list[str]
) -> None:
    agents = list(proving._agents(asked("mini", **options)))
    assert [a.rendered.variant.name for a in agents if a.rendered] == variants


def test_every_database_is_proved_on_request(templates: Path) -> None:
    names = [a.rendered.variant.name for a in proving._agents(asked(everything=True)) if a.rendered]
    assert len(names) == len(set(names)) > 15


def test_another_template_does_not_matter(templates: Path) -> None:
    (templates / "broken.md").write_text("---\nname: x\ntemplate: 5\n---\n")
    (templates / "plain.md").write_text("---\nname: x\ndescription: x\ntemplate: {}\n---\n")
    assert len(list(proving._agents(asked("mini")))) == 1
    with pytest.raises(Exception, match="is not a mapping"):
        list(proving._agents(asked()))
    with pytest.raises(Exception, match="`plain` has no variable for `--database`"):
        list(proving._agents(asked("plain", database="sqlite")))
    (templates / "broken.md").unlink()
    assert len(list(proving._agents(asked(database="sqlite")))) == 1
    assert len(list(proving._agents(asked()))) == 2


@pytest.mark.parametrize(
    ("args", "incomplete", "words"),
    [
        ([], "mi", ["mi", "mini"]),
        (["--database"], "", ["mariadb", "mysql", "postgresql", "sqlite"]),
        (["--database"], "my", ["mysql"]),
        (["--database", "pg", "--version"], "1", ["14", "15", "16", "17", "18"]),
        (["--version"], "9", ["9.7"]),
    ],
)
def test_completion(templates: Path, args: list[str], incomplete: str, words: list[str]) -> None:
    shell = ShellComplete(main, {}, "subwright", "_SUBWRIGHT_COMPLETE")
    found = shell.get_completions(["prove", "--templates", "templates", *args], incomplete)
    assert sorted(item.value for item in found) == words


@pytest.mark.parametrize(
    ("expected", "printed", "difference"),
    [
        ("a\nb\n", "a  \nb\n\n", None),
        ("", "\n", None),
        ("a\nb", "a\nc", (1, "prints `c` here")),
        ("a\nb", "a\n\nb", (1, "prints an empty line here")),
        ("a\nb", "a", (1, "prints no more")),
        ("a", "a\nb", (0, "prints more: `b`")),
        ("", "a", (0, "prints more: `a`")),
        ("a\n...\nz", "a\nz", None),
        ("a\n...\nz", "a\nb\nc\nz", None),
        ("a\n...", "a\nb", None),
        ("...\nz", "z", None),
        ("...", "", None),
        ("...\nb\nc\n...\nz", "a\nb\nb\nc\nz", None),
        ("a\n...\nb\n...\nz", "a\nz", (2, "does not print this")),
        ("a\n...\na", "a", (2, "does not print this")),
        ("a\n...\ny\nz", "a\nx\nz", (2, "prints `x` here")),
        ("...\nb\n...\nb", "b\nc", (3, "prints `c` here")),
        ("x" * 500, "y" * 500, (0, "prints `" + "y" * 100 + "…` here")),
    ],
)
def test_output_must_match(expected: str, printed: str, difference: tuple[int, str] | None) -> None:
    found = compare(expected, printed)
    if difference is None:
        assert found is None
    else:
        assert found is not None
        assert found.line == difference[0]
        assert difference[1] in found.message


OUTPUT = """\
```python
print("before")
print(len((await session.scalars(select(Item))).all()))
```

```text output
before
0
```

```python raises=ZeroDivisionError
print("on the way")
1 / 0
```

<# prove: output #>
```
on the way
```

```bash
python -c "print(1); print(2)"
```

```console output
...
2
```

<# prove: skip="it shows a shape" #>
```python
print("nothing")
```

```text output
nothing
```

```python
print(session.nothing)
```

```text output
something
```

anything at all
"""


def test_output_is_of_the_block_before_it(run: Run, change: Change, templates: Path) -> None:
    change("```text\nanything at all\n```", OUTPUT)
    result = run("--output-format", "json")
    (proof,) = json.loads(result.stdout)["proofs"]
    told = [(r["status"], r["message"]) for r in proof["results"] if r["title"] == "output"]
    assert told == [
        ("parsed", "no block before it is run"),
        ("passed", None),
        ("passed", None),
        ("passed", None),
        ("skipped", "the block before it did not pass"),
    ]
    line = line_of(templates, "before\n0")
    change("before\n0", "before\n1")
    result = run("--only", f"{line}", "--output-format", "concise")
    assert result.stdout == (
        f"templates/mini.md:{line}: error: the block before it prints `0` here [sqlite-3.35]\n"
    )
    assert "passed  statements" in click.unstyle(result.stderr), "what prints it is run too"


@pytest.mark.parametrize(
    ("info", "path"),
    [
        ("python app/models.py", "app/models.py"),
        ("python migrations/versions/0001_x.py", "migrations/versions/0001_x.py"),
        ("docker app/Dockerfile", "app/Dockerfile"),
        ("ini alembic.ini", "alembic.ini"),
        ("python 3.12", None),
        ("python 3.11/3.12", None),
        ("bash v1.2", None),
        ('js title="a.js"', None),
    ],
)
def test_a_number_is_no_path(info: str, path: str | None) -> None:
    text = f"---\nname: x\ndescription: x\n---\n```{info}\n```\n"
    (block,) = blocks(parse(Source("x.md", text)))
    assert block.path == path


def test_a_database_that_is_left_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(url: str, statement: str) -> None:
        if statement.startswith("DROP"):
            raise ConnectionRefusedError("refused")

    monkeypatch.setattr("subwright.prove.database._execute", execute)
    said: list[str] = []
    with scratch_database("postgresql+asyncpg://u:secret@h/d", tmp_path, said.append) as url:
        name = url.rpartition("/")[2]
    assert said == [f"the database `{name}` is left at `postgresql+asyncpg://u:***@h/d`: refused"]


def test_failed_proof_is_made_again(run: Run, change: Change, templates: Path) -> None:
    """The first try leaves a file by which the second one passes."""
    mark = templates.parent / "seen"
    change(
        "session.add(Item",
        "from pathlib import Path\n"
        f"seen = Path({str(mark)!r}).exists()\n"
        f"Path({str(mark)!r}).touch()\n"
        "assert seen\n"
        "session.add(Item",
    )
    result = run("--retries", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("0, try 2")
    mark.unlink()
    assert run("--retries", "0").exit_code == 1


@pytest.mark.parametrize("name", ["../x.txt", "/x.txt", "a/../../x.txt"])
def test_no_file_of_a_frame_leads_out_of_the_project(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project"
    with pytest.raises(ProjectError, match="leads out of the project"):
        Project(folder).write({"a.txt": "", name: "x"})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.txt"]
