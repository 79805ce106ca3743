"""The client oracle: what a real Claude Code loads, of recorded cases and of our own agents."""

from __future__ import annotations

import csv
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support import LOADER, ROOT, SERENA, claude, load

from subwright import client
from subwright.client import ClientError, Verdict

AGENTS = sorted((ROOT / "agents").glob("*/*.md"))
HEAD = "description: d"


def recorded() -> dict[str, dict[str, str]]:
    with (LOADER / "VERDICTS.tsv").open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["case"]: row for row in rows}


RECORDED = recorded()
STATUS = {
    "ACCEPTED": "accepted",
    "ACCEPTED+LOG": "accepted-with-log",
    "REJECTED": "rejected",
    "SILENTLY-SKIPPED": "silently-skipped",
}


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the client's temporary folders come and go."""
    folder = tmp_path / "rooms"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an agent file with some frontmatter."""

    def write(front: str, file: str = "agent.md") -> Path:
        path = tmp_path / file
        path.write_text(f"---\n{front}\n---\nbody\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], Path]:
    """A shell script in the place of a client."""
    if os.name != "posix":
        pytest.skip("needs a shell")

    def fake(script: str) -> Path:
        path = tmp_path / "fake"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return fake


# The recorded cases


@pytest.fixture(scope="module")
def asked() -> dict[str, Verdict]:
    files = [LOADER / f"{case}.md" for case in RECORDED]
    return {verdict.path.stem: verdict for verdict in client.ask(claude(), files)}


def shape(message: str) -> str:
    """A message without what differs between the record and the log: levels, escapes, blanks."""
    return re.sub(r'^\[[A-Z]+\]|\\n|[\\"\s]', "", message)[:200]


@pytest.mark.parametrize("case", RECORDED)
def test_a_recorded_case(case: str, asked: dict[str, Verdict]) -> None:
    row, verdict = RECORDED[case], asked[case]
    assert verdict.status == STATUS[row["verdict"]]
    said = [message for message in row["client_messages"].split(" || ") if message]
    assert [shape(message) for message in verdict.messages] == [shape(line) for line in said]
    description = (verdict.description or "").replace("\n", "\\n")
    assert description[:100] == row["description_as_loaded"][:100]
    assert str(verdict.model) == (row["model"] if verdict.loaded else "None")


def test_every_file_has_a_record() -> None:
    assert {path.stem for path in LOADER.glob("*.md")} == set(RECORDED)


@pytest.mark.parametrize("case", ["hooks-post-flat", "fm-none", "name-colon"])
def test_alone_as_in_a_batch(case: str, asked: dict[str, Verdict]) -> None:
    assert client.ask(claude(), [LOADER / f"{case}.md"]) == [asked[case]]


def test_the_tools_of_recorded_cases(asked: dict[str, Verdict]) -> None:
    cases = ["ok-full", "tools-empty", "tools-task", "tools-glob-grep", "fm-tab", "fm-none"]
    verdicts = client.ask(claude(), [LOADER / f"{case}.md" for case in cases], tools=True)
    for case, verdict in zip(cases, verdicts, strict=True):
        resolved = RECORDED[case]["resolved_tools"].removeprefix("(none)").split()
        assert verdict.tools == (tuple(resolved) if verdict.loaded else None), case
        assert verdict.status == asked[case].status, case


# What a batch could mix up


def test_files_that_share_a_name(write: Callable[..., Path]) -> None:
    fronts = {
        "first": f"name: x\n{HEAD} of the first",
        "logged": f"name: x\n{HEAD} of the second\nhooks: {{PostToolUse: 5}}",
        "rejected": f"name: x\n{HEAD}\nhooks: {{PreToolUse: 5}}",
        "nameless": HEAD,
        "other": f"name: y\n{HEAD}",
    }
    files = [write(front, f"{name}.md") for name, front in fronts.items()]
    first, logged, rejected, nameless, other = client.ask(claude(), files)
    assert (first.status, first.description) == ("accepted", "d of the first")
    assert (logged.status, logged.description) == ("accepted-with-log", "d of the second")
    assert [message[:32] for message in logged.messages] == ["Agent 'x': hooks.PostToolUse: mu"]
    assert rejected.status == "rejected"
    assert "hooks.PreToolUse" in rejected.messages[0]
    assert nameless.status == "silently-skipped"
    assert (other.status, other.messages) == ("accepted", ())


def test_names_that_the_log_blurs(write: Callable[..., Path]) -> None:
    names = ['"a\\tb"', '"a  b"', '"a\\u200bb"', "a b", "b" * 250, "it's", "c"]
    fronts = [
        f"name: {name}\n{HEAD}\nhooks: {{Stop: {'5' if odd % 2 else '[]'}}}"
        for odd, name in enumerate(names)
    ]
    files = [write(front, f"{index}.md") for index, front in enumerate(fronts)]
    statuses = [verdict.status for verdict in client.ask(claude(), files)]
    assert statuses == ["accepted", "accepted-with-log"] * 3 + ["accepted"]


def test_too_long_a_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "long.md"
    path.write_text(f"---\nname: x\n{HEAD}\n---\n" + "x" * 1_048_577)
    (verdict,) = client.ask(claude(), [path])
    assert verdict.status == "rejected"
    assert "long.md: not a regular file or exceeds" in verdict.messages[0]


def test_no_files_no_start(tmp_path: Path) -> None:
    assert client.ask(tmp_path / "none", []) == []


def test_texts_are_loaded_in_one_batch() -> None:
    texts: list[str | bytes] = [f"---\nname: x\n{HEAD}\n---\n", b"nothing", "---\nname: y\n---\n"]
    assert load(texts) == [(True, "x", "d"), (False, None, None), (False, None, None)]


# Plugins


def test_as_a_plugin(write: Callable[..., Path]) -> None:
    files = [
        write(f"name: x\n{HEAD}\ntools: Read", "a.md"),
        write(f"name: x\n{HEAD} of b\npermissionMode: plan", "b.md"),
        write("tools: Read", "c.md"),
    ]
    first, second, third = client.ask(claude(), files, plugin=True, tools=True)
    assert (first.name, first.status, first.tools) == ("x", "accepted", ("Read",))
    assert (second.name, second.description) == ("x", "d of b")
    assert "b.md sets permissionMode, which is ignored for plugin agents" in second.messages[0]
    assert (third.name, third.loaded, third.tools) == ("c", True, ("Read",))


# Tools and servers


def test_tools_beside_a_server(write: Callable[..., Path]) -> None:
    tools = "Read, mcp__serena__find_symbol, mcp__serena__think_about, mcp__other__x"
    path = write(f"name: x\n{HEAD}\ntools: {tools}")
    (beside,) = client.ask(claude(), [path], tools=True, mcp=SERENA)
    assert beside.tools == ("Read", "mcp__serena__find_symbol")
    (without,) = client.ask(claude(), [path], tools=True)
    assert without.tools == ("Read",)


def test_a_server_that_does_not_start(write: Callable[..., Path]) -> None:
    path = write(f"name: x\n{HEAD}")
    with pytest.raises(ClientError, match="mcp server `no`: failed"):
        client.ask(claude(), [path], tools=True, mcp={"no": [sys.executable, "-c", "pass"]})


def test_nothing_of_a_file_is_started(write: Callable[..., Path], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hook = f"[{{hooks: [{{type: command, command: touch {mark}}}]}}]"
    events = ("SessionStart", "UserPromptSubmit", "SubagentStart", "Stop", "SessionEnd")
    hooks = ", ".join(f"{event}: {hook}" for event in events)
    server = f"[own: {{command: /bin/sh, args: [-c, touch {mark}]}}]"
    path = write(f"name: x\n{HEAD}\nhooks: {{{hooks}}}\nmcpServers: {server}")
    (verdict,) = client.ask(claude(), [path], tools=True)
    assert (verdict.status, verdict.messages) == ("accepted", ())
    assert not mark.exists()


# Alone with itself


def test_folders_above_are_not_read(rooms: Path, write: Callable[..., Path]) -> None:
    mark = rooms / "mark"
    (rooms / ".claude/agents").mkdir(parents=True)
    (rooms / ".claude/agents/above.md").write_text(f"---\nname: x\n{HEAD} above\n---\n")
    server = '{"mcpServers": {"above": {"command": "touch", "args": ["%s"]}}}'
    (rooms / ".mcp.json").write_text(server % mark)
    (verdict,) = client.ask(claude(), [write(f"name: x\n{HEAD}")], tools=True)
    assert (verdict.description, verdict.messages) == ("d", ())
    assert sorted(path.name for path in rooms.iterdir()) == [".claude", ".mcp.json"]


def test_the_environment_is_empty(
    rooms: Path, tmp_path: Path, fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    with pytest.raises(ClientError):
        client.version(fake(f"env > {tmp_path}/env; pwd >> {tmp_path}/env"))
    seen = (tmp_path / "env").read_text()
    assert "secret" not in seen
    assert str(Path.home()) + "\n" not in seen
    for name in ("HOME", "CLAUDE_CONFIG_DIR", "TMPDIR"):
        assert f"{name}={rooms.resolve()}" in seen


# A client that is none


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such option >&2; exit 3", r"without an answer \(exit status 3\): no such option"),
        ("cat > /dev/null & sleep 60", "not done within 1 seconds"),
        ("exec cat", "not done within 1 seconds"),
        ("yes", "not done within 1 seconds"),
        (
            """read x; echo '{"response": {"request_id": "subwright-1", "error": "what"}}'""",
            "refused `initialize`: what",
        ),
        (
            """read x; echo '{"response": {"request_id": "subwright-1", "subtype": "success"}}'""",
            "answered `initialize` without `agents`",
        ),
    ],
)
def test_another_program(script: str, words: str, rooms: Path, fake: Callable[[str], Path]) -> None:
    with pytest.raises(ClientError, match=words):
        client.ask(fake(script), [LOADER / "ok-full.md"], seconds=1)
    assert list(rooms.iterdir()) == []


def test_no_process_is_left(tmp_path: Path, fake: Callable[[str], Path]) -> None:
    with pytest.raises(ClientError):
        client.version(fake(f"sleep 300 & echo $! > {tmp_path}/pid; wait"), seconds=1)
    pid = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    if sys.platform == "linux":
        assert not state.exists() or state.read_text().split(") ")[1][0] == "Z"
    else:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_program(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"cannot start `.*nothing`"):
        client.version(tmp_path / "nothing")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"cannot read `.*no.md`: no such file"):
        client.ask(tmp_path / "nothing", [tmp_path / "no.md"])


def test_find(fake: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake("exit")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program.rename(tmp_path / "claude")
    assert client.find() != tmp_path / "claude"
    assert client.find("claude") == tmp_path / "claude"
    assert client.find(str(tmp_path / "claude")) == tmp_path / "claude"
    assert client.find(str(tmp_path / "nothing")) is None


# Our own agents


def test_there_are_agents() -> None:
    assert AGENTS, "no rendered agents in `agents/`"


@pytest.fixture(scope="module")
def ours() -> dict[Path, Verdict]:
    verdicts = client.ask(claude(), AGENTS, tools=True, mcp=SERENA)
    return {verdict.path: verdict for verdict in verdicts}


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_agents_load(path: Path, ours: dict[Path, Verdict]) -> None:
    fields = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n", 2)[1])
    verdict = ours[path]
    assert (verdict.status, verdict.messages) == ("accepted", ())
    assert (verdict.name, verdict.description) == (fields["name"], fields["description"])
    mcp = {tool for tool in re.split(r"[,\s]+", str(fields["tools"])) if tool.startswith("mcp__")}
    assert set(verdict.tools or ()) == {"Read", "Write", "Edit", "Bash"} | mcp
