"""Any input is linted in bounded time, without an exception, and changed by fixes alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mutations
import pytest

from subwright import linter
from subwright.agent import Agent, Place
from subwright.diagnostic import Severity
from subwright.linter import template_place
from subwright.output import FORMATS, Report, render
from subwright.reading import decode
from subwright.rules import every
from subwright.settings import Settings
from subwright.spec import Field

RULES = every()
SETTINGS = Settings(tuple(RULES.values()))
# For any file that the client would read, in units of the time in which Python counts to a million: 2 seconds where
# that takes a hundredth of one. A machine that does other things beside is slow at both.
MOST_UNITS = 200
FRONT = "---\nname: n\ndescription: d\n"
MEBIBYTE = 1 << 20
# what is looked for among the marks of an agent
MARKS = rb""" `- _:"` ](]: </ <!-- << <% {{ {% __ ./ @ """
ROOM = MEBIBYTE - 100  # beside the frontmatter


def lint(raw: bytes) -> linter.Checked:
    agent = Agent.of("agents/agent.md", raw, Place(path="agents/agent.md", servers=frozenset()))
    checked = linter.check_agent(agent, SETTINGS.rules)
    checked.found = linter.settle(checked, SETTINGS.rules)
    return checked


def seconds(work: Callable[[], object]) -> float:
    """The processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def counting() -> None:
    for _ in range(1_000_000):
        pass


def test_anything(request: pytest.FixtureRequest) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    some = random.Random(seed)
    for raw in mutations.anywhere(some, request.config.getoption("--fuzz")):
        try:
            checked = lint(raw)
            report = Report(tuple(checked.found), ("agents/agent.md",), SETTINGS.rules)
            render(some.choice(tuple(FORMATS)), report).encode()
        except Exception as error:
            error.add_note(f"seed {seed}: {raw!r}")
            raise
        for diagnostic in checked.found:
            assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(checked.source.text), (
                raw
            )


def test_what_is_not_looked_for_is_not_there(request: pytest.FixtureRequest) -> None:
    """The rules find as much where each is asked, and where there may be all that is looked for among the marks."""
    seed = random.SystemRandom().randrange(1_000_000)
    places = (Place(path="a.md", servers=frozenset()), Place(path="a.md", plugin=True))
    traits = frozenset().union(*(rule.needs for rule in RULES.values()))
    for raw in mutations.anywhere(random.Random(seed), request.config.getoption("--fuzz")):
        for place in (*places, template_place("a.md")):
            agent, asked = (Agent.of("a.md", raw, place) for _ in range(2))
            vars(asked).update(traits=traits, marks=agent.marks + MARKS)
            found = [linter.check_agent(each, SETTINGS.rules) for each in (agent, asked)]
            assert found[0].found == found[1].found, (seed, raw)
            assert found[0].summary == found[1].summary, (seed, raw)


def hostile() -> Iterator[tuple[str, str]]:
    """Inputs of a mebibyte that are slow to read for a careless reader."""
    for name, unit in {
        "one line": "a",
        "words": "word ",
        "backticks": "`",
        "backticks, odd": "`` ` ",
        "brackets": "[",
        "links": "[a](",
        "angles": "<",
        "tags": "<a>",
        "closed tags": "<b></b>",
        "lines of tags": "<x>\n",
        "comments": "<!--",
        "quotes": "> " * 50 + "\n",
        "list": "- a\n",
        "nested list": "- ",
        "fences": "```\n",
        "fences with words": "```py\n",
        "headings": "# a\n",
        "blanks": " ",
        "blank lines": "\n",
        "dollars": "${",
        "placeholders": "<<A>>",
        "braces": "{{",
        "percent": "{% ",
        "stars": "*_",
        "zero width": "\u200b",
        "mojibake": "â€™",
        "emoji": "🤖",
        "shell": "curl x |",
        "base64": "QUJD",
        "ignores": "<!-- subwright: allow mojibake -- x -->\n",
        "agents": "@agent-a ",
        "mcp": "mcp__a__b ",
    }.items():
        yield f"body: {name}", f"{FRONT}---\n" + unit * (ROOM // len(unit.encode()))
    for name, unit in {
        "plain": "a",
        "words": "word ",
        "colons": "a: ",
        "quotes": "'",
        "hashes": " #",
        "brackets": "[",
        "pairs": "{a: ",
        "commas": "a, ",
        "anchors": "&a ",
        "tags": "!a ",
        "lines": "\n  a",
        "keys": "\nk: v",
        "dashes": "- ",
        "tabs": "\t",
        "comments": "\n# a",
        "escapes": "\\n",
    }.items():
        yield f"frontmatter: {name}", f"{FRONT}x: {unit * (ROOM // len(unit))}\n---\n"
    yield "quoted", f'{FRONT}x: "{"a" * ROOM}"\n---\n'
    yield "tools", f"{FRONT}tools: {'Read, ' * 170_000}\n---\n"
    yield "a list of tools", FRONT + "tools:\n" + "  - Read\n" * 100_000 + "---\n"
    yield "lists of tools", FRONT + "tools:\n" + "- [LS]\n" * 100_000 + "---\n"
    yield "keys", FRONT + "".join(f"k{i}: v\n" for i in range(90_000)) + "---\n"
    yield (
        "aliases",
        FRONT
        + "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n"
            for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
        )
        + "---\n",
    )
    yield "merged aliases", FRONT + "a: &a {x: 1}\n" + "b:\n" + "  - <<: *a\n" * 60_000 + "---\n"
    yield "nested", FRONT + "a: " + "[" * 5000 + "]" * 5000 + "\n---\n"
    yield "hooks", FRONT + "hooks:\n  PreToolUse:\n" + "    - matcher: x\n" * 50_000 + "---\n"


@pytest.mark.parametrize(("name", "text"), [pytest.param(n, t, id=n) for n, t in hostile()])
def test_no_input_takes_long(name: str, text: str) -> None:
    raw = text.encode()
    assert len(raw) <= MEBIBYTE, name
    # the best of three: what else goes on can only add
    assert any(seconds(lambda: lint(raw)) <= MOST_UNITS * seconds(counting) for _ in range(3))


def test_fixes_are_safe(request: pytest.FixtureRequest) -> None:
    """Fixes leave what the client reads of all other fields, are made once and for all, and end what they mend."""
    seed = random.SystemRandom().randrange(1_000_000)
    some = random.Random(seed)
    fixed = 0
    for raw in mutations.anywhere(some, request.config.getoption("--fuzz") // 2):
        agent = Agent.of("agent.md", raw)
        mended = linter.mend(agent, SETTINGS)
        if mended == agent.text:
            continue
        fixed += 1
        again = Agent.of("agent.md", mended.encode("utf-8", "surrogatepass"))
        why = f"seed {seed}: {raw!r}"
        assert linter.mend(again, SETTINGS) == mended, why
        before, after = checked_fields(agent), checked_fields(again)
        lines = {d.position.line for d in lint(raw).found if d.fix}
        touched = {field.name for field in agent.spec.fields if lines & lines_of(agent, field)}
        if agent.reading.problem is None and not touched & {"<<"}:
            for name in before.keys() - touched:
                assert after.get(name, before[name]) == before[name], why
    assert fixed > 10


def lines_of(agent: Agent, field: Field) -> set[int]:
    first, last = (agent.source.position(at).line for at in (field.key.start, field.value.end))
    return set(range(first, last + 1))


def checked_fields(agent: Agent) -> dict[str, str]:
    return {name: repr(value) for name, value in agent.data.items()}


def test_nothing_is_written_without_fix(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from subwright.cli import main

    files = {
        tmp_path / f"{index}.md": raw
        for index, raw in enumerate(mutations.anywhere(random.Random(7), 50))
    }
    for path, raw in files.items():
        path.write_bytes(raw)
    for arguments in (
        (),
        ("--diff",),
        ("--output-format", "json"),
        ("--strict", "--select", "ALL"),
    ):
        result = CliRunner().invoke(main, ["lint", str(tmp_path), *arguments])
        assert result.exit_code in (0, 1), result.output
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_bytes_are_decoded_as_the_client_does() -> None:
    assert decode(b"a\xffb") == ("a\ufffdb", 1)
    assert all(rule.severity in Severity for rule in RULES.values())
