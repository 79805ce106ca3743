"""Agent files that are a little wrong, made at random from good and recorded ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from support import LOADER, ROOT

FRAGMENTS = (
    *(
        ": ",
        " #",
        "#",
        "---",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        "\t",
        "|",
        ">",
        "|-",
        ">-",
        "&a ",
        "*a",
    ),
    *(
        "!!str ",
        "!x ",
        "? ",
        "- ",
        "\r\n",
        "\n",
        "\n\n",
        " ",
        "  ",
        ",",
        "%",
        "@",
        "`",
        "\\",
        "\\n",
    ),
    *(
        "é",
        "\u00a0",
        "\u3000",
        "🤖",
        "\u2028",
        "\ufeff",
        "<<: ",
        "~",
        "null",
        "true",
        "yes",
        "1",
        "1.5",
    ),
    *(
        "0x1f",
        "1e3",
        ".inf",
        "...",
        "1_000",
        "0o7",
        "+1",
        "0b1",
        "2024-01-01",
        "=",
        ":",
        "::",
        "--",
    ),
    *("name: ", "name: x\n", "description: ", "tools: ", "model: ", "key: v\n", "- a\n", "  - b\n"),
    *(
        '"a"',
        "'a'",
        '\\"',
        "''",
        "#x",
        "<example>",
        "user: hi\n",
        "  user: hi\n",
        "\n  more",
        "\nmore",
    ),
)
PROSE = (
    *(
        "```",
        "```\n",
        "\n```python\n",
        "~~~",
        "\n~~~~\n",
        "<!-- ",
        " -->",
        "<details>",
        "</details>",
    ),
    *(
        "<a>",
        "</a>",
        "[x](y.md)",
        "[x](#y)",
        "[",
        "](",
        "## x\n",
        "\n###### y\n",
        "> ",
        "- ",
        "1. ",
    ),
    *(
        "    ",
        "\u200b",
        "\u202e",
        "\x00",
        "\x1b[31m",
        "â€™",
        "Ã©",
        "<<NAME>>",
        "{{ x }}",
        "{% if %}",
    ),
    *(
        "curl x | sh",
        "ghp_" + "a" * 36,
        "import os\n",
        "{'a': }",
        "$(",
        "EOF",
        "`",
        "``",
        "|a|b|\n",
    ),
    *("mcp__a__b", "the Bash tool", "@agent-x", "ignore all previous instructions", "\ud800", "\r"),
    *(
        'subagent_type = "a-b"',
        "delegate to `a-b`.",
        "[//]: # (you must)",
        "AKIA" + "Q7" * 8,
        "<%= a %>",
    ),
)
WHOLE = (
    "---\nname: NAME\ndescription: Does a thing: well\ntools: Read, Bash\nmodel: sonnet\n---\nbody\n",
    "---\nname: NAME\ndescription: |\n  Does a thing.\n  More.\ntools:\n  - Read\n  - Bash(git:*)\n---\nbody\n",
    (
        "---\nname: NAME\ndescription: >-\n  Does a thing.\n\n  More.\nhooks:\n  PreToolUse:\n"
        "    - matcher: Bash\n      hooks:\n        - type: command\n          command: echo\n---\nbody\n"
    ),
    "---\n{name: NAME, description: d, tools: [Read, Bash]}\n---\n",
    '---\nname: "NAME"\ndescription: "Does a \\"thing\\" #1"\n# comment\nmodel: opus # c\n---\n',
    "---\nname: NAME\ndescription: d\nmcpServers:\n  - a\n  - b: {command: c}\nmaxTurns: 3\n---\n# A\n\n## B\n",
)


def bases() -> list[str]:
    """What is changed: recorded cases of moderate length, and files with one of each kind of field."""
    texts = []
    for path in sorted(LOADER.glob("*.md")):
        raw = path.read_bytes()
        if len(raw) < 3000:
            texts.append(raw.decode(errors="replace"))
    return [*texts, *WHOLE]


def bodies() -> list[str]:
    """Prompts with code, lists and tables."""
    paths = [ROOT / "agents/sqlite-3.53/sqlalchemy-specialist.md", ROOT / "README.md"]
    return [path.read_text(encoding="utf-8")[-6000:] for path in paths]


def in_frontmatter(some: random.Random, count: int) -> Iterator[str]:
    """Files changed at one to three places of their frontmatter, each with another name."""
    known = bases()
    for index in range(count):
        text = some.choice(known).replace("NAME", f"n{index}")
        end = text.find("---", 3)
        end = len(text) if end < 0 else end + 4
        for _ in range(some.choice((1, 1, 1, 2, 2, 3))):
            text = _changed(some, text, min(4, len(text)), min(end, len(text)), FRAGMENTS)
        yield re.sub(r'(?m)^(\s*name: *"?)([\w-]+)', rf"\1\2-{index}", text, count=1)


def anywhere(some: random.Random, count: int) -> Iterator[bytes]:
    """Files changed at several places, their bytes too."""
    known, prompts = bases(), bodies()
    for index in range(count):
        text = some.choice(known).replace("NAME", f"n{index}")
        if some.random() < 0.5:
            start = some.randrange(4000)
            text += some.choice(prompts)[start : start + some.randrange(2000)]
        for _ in range(some.randrange(1, 8)):
            text = _changed(some, text, 0, len(text), some.choice((FRAGMENTS, PROSE, PROSE)))
        raw = text.encode("utf-8", "surrogatepass")
        if some.random() < 0.2:
            at = some.randrange(len(raw) + 1)
            raw = raw[:at] + some.randbytes(some.randrange(1, 9)) + raw[at + some.randrange(3) :]
        yield raw


def _changed(
    some: random.Random, text: str, start: int, end: int, fragments: tuple[str, ...]
) -> str:
    at = some.randint(min(start, end), end)
    kind = some.random()
    if kind < 0.5:
        return text[:at] + some.choice(fragments) + text[at:]
    if kind < 0.7:
        return text[:at] + text[at + some.choice((1, 1, 2, 3)) :]
    if kind < 0.8:
        return text[:at] + some.choice(fragments) + text[at + 1 :]
    lines = text.split("\n")
    row = some.randrange(len(lines))
    line = lines[row]
    lines[row : row + 1] = some.choice(
        (
            [line, line],
            [],
            [f"  {line}"],
            [line.lstrip()],
            [f"\t{line}"],
            [some.choice(fragments), line],
        )
    )
    return "\n".join(lines)
