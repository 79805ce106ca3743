"""A folder of distinct agent files, made from our own agents and generated text: `python -m benchmarks.corpus FOLDER`.

Sizes and frontmatter are like those of public agent files: half below 7 kB, one in a hundred above 50 kB, descriptions
with examples in them, long lists of tools, many lists, and code blocks that do not parse. One file in twenty has a
defect. All numbers are drawn from one seed, and the sizes are spread the same way for any number of files.
"""

from __future__ import annotations

import argparse
import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEED = 6
FILES = 3000
# share of the files that are smaller, and bytes; between two rows sizes are spread evenly
SIZES = (
    (0.0, 700),
    (0.25, 3400),
    (0.5, 7000),
    (0.75, 8600),
    (0.95, 10800),
    (0.99, 16000),
    (0.99001, 50100),
    (1.0, 64000),
)
DEFECTS = 0.05


def _words(text: str) -> list[str]:
    return text.split()


ROLES = _words("""
    architect reviewer engineer specialist analyst auditor planner tester writer optimizer debugger migrator
    designer operator researcher coordinator maintainer guardian
""")
TOPICS = _words("""
    api frontend backend database security performance release docs testing kubernetes terraform react django
    rails payments search analytics mobile accessibility observability caching queues auth billing compiler
    parser data pipeline ml graphql design prompt incident cloud network storage
""")
WORDS = _words("""
    the the the and and to to of of a a in for with that this each when before after code test file change
    review service request response schema query index cache module function class interface type error
    failure log metric trace deploy release branch commit pull merge dependency version config secret token
    user session page component state event queue job worker retry timeout latency throughput memory load
    database table column migration transaction lock model field value default option check validate verify
    ensure prefer avoid never always keep write read update remove add run build ship measure profile document
    explain describe propose compare small clear simple strict explicit shared local remote public private
    internal stable current new old first last only existing project team standard pattern practice guideline
    boundary contract requirement constraint edge case input output result report summary evidence reason risk
    cost owner deadline priority
""")
NAMES = _words("""
    order invoice account payload record batch client handler buffer window cursor session header route
    permission tenant shipment ledger refund catalog profile widget snapshot segment adapter registry
""")
TOOLS = _words("Read Write Edit Bash Glob Grep WebFetch WebSearch NotebookEdit Skill")
SERVERS = {
    "playwright": _words("""browser_click browser_close browser_console_messages browser_drag browser_evaluate
        browser_file_upload browser_handle_dialog browser_hover browser_navigate browser_navigate_back
        browser_network_requests browser_press_key browser_select_option browser_snapshot browser_take_screenshot
        browser_type browser_wait_for"""),
    "github": _words("""get_issue list_issues create_pull_request get_pull_request list_commits search_code
        get_file_contents add_issue_comment"""),
    "context7": ["resolve-library-id", "get-library-docs"],
}
COLORS = _words("red blue green yellow purple orange pink cyan")
TITLES = [
    "Your Role",
    "Core Responsibilities",
    "When Invoked",
    "Workflow",
    "Process",
    "Best Practices",
    "Quality Standards",
    "Output Format",
    "Checklist",
    "Communication Protocol",
    "Technical Stack",
    "Common Patterns",
    "Anti-Patterns",
    "Examples",
    "Error Handling",
    "Performance",
    "Security",
    "Testing Strategy",
    "Integration with Other Agents",
    "Delivery",
]


class Draw:
    """Random choices, of which the same seed gives the same ones."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def below(self, number: int) -> int:
        """A whole number from 0 on."""
        return int(self._random.random() * number)

    def between(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return least + self.below(most - least + 1)

    def chance(self, share: float) -> bool:
        """True as often as `share` says."""
        return self._random.random() < share

    def one(self, choices: list[str]) -> str:
        """One of them."""
        return choices[self.below(len(choices))]

    def some(self, choices: list[str], count: int) -> list[str]:
        """That many different ones, in their own order."""
        ranks = sorted((self._random.random(), choice) for choice in choices)
        chosen = {choice for _, choice in ranks[:count]}
        return [choice for choice in choices if choice in chosen]

    def words(self, count: int) -> str:
        """That many words."""
        return " ".join(self._random.choices(WORDS, k=count))


def write(folder: Path, files: int = FILES, *, witness: bool = False) -> int:
    """Write the corpus into `.claude/agents` of a folder.

    Args:
        folder: that has no such files.
        files: how many.
        witness: take the description out of every file, which every linter reports: a file that is not in its
            report was not linted.

    Returns:
        How many bytes all files have.
    """
    agents = folder / ".claude" / "agents"
    agents.mkdir(parents=True)
    total = 0
    for name, head, body in texts(files):
        if witness:
            head, body = DEFECT["no description"](head, body)
        total += (agents / f"{name}.md").write_bytes(f"---\n{head}---\n{body}".encode())
    return total


def texts(files: int) -> Iterator[tuple[str, str, str]]:
    """The name of each file, without its suffix, its frontmatter and its body."""
    draw = Draw(f"{SEED} order")
    # names, by which a session orders the files, say nothing of their sizes
    order = sorted(range(files), key=lambda _: draw.below(1 << 53))
    defects = list(DEFECT)
    for index, rank in enumerate(order):
        own = Draw(f"{SEED} {index}")
        name = f"{own.one(TOPICS)}-{own.one(ROLES)}-{index:05}"
        head, body = agent(own, name, size((rank + 0.5) / files))
        # by rank, so that defects are in files of all sizes; each kind in turn
        step = round(1 / DEFECTS)
        if rank % step == step // 2:
            head, body = DEFECT[defects[rank // step % len(defects)]](head, body)
        yield name, head, body


def size(share: float) -> int:
    """How many bytes the file has that is larger than this share of all."""
    row = min(bisect_right([share for share, _ in SIZES], share), len(SIZES) - 1)
    (low, least), (high, most) = SIZES[row - 1], SIZES[row]
    return int(least + (most - least) * (share - low) / (high - low))


# One agent


def agent(draw: Draw, name: str, length: int) -> tuple[str, str]:
    """The frontmatter and the body of an agent file of about that many bytes, without a defect."""
    head = frontmatter(draw, name, length)
    parts = [f"\nYou are {name}, a {draw.words(12)}.\n"]
    left = length - len(head) - 8 - len(parts[0])
    titles = draw.some(TITLES, len(TITLES))
    start = draw.below(len(titles))
    section = 0
    while left > 60:
        heading = f"\n## {titles[(start + section) % len(titles)]}"
        # a title that comes again gets a number: a section that stands twice is a defect
        heading += f" {section // len(titles) + 1}\n" if section >= len(titles) else "\n"
        content = [heading]
        for _ in range(draw.between(1, 4)):
            content.append("\n" + block(draw))
            if sum(map(len, content)) > left:
                break
        if draw.chance(0.3):
            content.append(
                f"\n### {titles[section % len(titles)]} {section + 1}a\n\n{bullets(draw)}"
            )
        text = "".join(content)
        if len(text.encode()) > left:
            text = fitting(heading, draw, left)
        parts.append(text)
        left -= len(text.encode())
        section += 1
    return head, "".join(parts)


def fitting(heading: str, draw: Draw, length: int) -> str:
    """A section of prose with about that many bytes."""
    words = draw.words(max(2, (length - len(heading)) // 5))
    paragraph = words[: max(1, length - len(heading) - 3)].rstrip()
    return f"{heading}\n{paragraph}.\n"


def frontmatter(draw: Draw, name: str, length: int) -> str:
    """The fields, as public agent files have them."""
    fields = [f"name: {name}", f"description: {description(draw, name, length)}"]
    if draw.chance(0.7):
        fields.append(f"tools: {tools(draw, length)}")
    if draw.chance(0.6):
        fields.append(f"model: {draw.one(['sonnet', 'sonnet', 'opus', 'inherit', 'haiku'])}")
    if draw.chance(0.4):
        fields.append(f"color: {draw.one(COLORS)}")
    return "".join(f"{field}\n" for field in fields)


def description(draw: Draw, name: str, length: int) -> str:
    """A sentence; in a longer file often with examples."""
    sentence = f"Use this agent when you need to {draw.words(draw.between(10, 35))}."
    if length < 2500 or draw.chance(0.5):
        return sentence
    if draw.chance(0.3):
        lines = "".join(f"\n  {draw.words(14)}" for _ in range(draw.between(1, 4)))
        return f"|\n  {sentence}{lines}"
    examples = "".join(
        f" <example>Context - {draw.words(15)}. user - '{draw.words(12)}' assistant - 'I will use the {name} agent'"
        f" <commentary>{draw.words(12)}</commentary></example>"
        for _ in range(draw.between(1, 3))
    )
    return f'"{sentence} Examples -{examples}"'


def tools(draw: Draw, length: int) -> str:
    """A list of tools: three to eleven of the client's own, one in ten with those of MCP servers too."""
    chosen = draw.some(TOOLS, draw.between(3, len(TOOLS)))
    # both at once is a finding, and so would be a body that asks for what is not granted
    if "Bash" in chosen:
        chosen = [tool for tool in chosen if tool not in ("Glob", "Grep")]
    if length > 2500 and draw.chance(0.1):
        for server in draw.some(list(SERVERS), draw.between(1, 3)):
            chosen += [f"mcp__{server}__{tool}" for tool in SERVERS[server]]
    if draw.chance(0.1):
        return "".join(f"\n  - {tool}" for tool in chosen)
    return ", ".join(chosen)


# Blocks of the body


def block(draw: Draw) -> str:
    """One block: a list twice as often as any other."""
    kinds: list[Callable[[Draw], str]] = [
        bullets, bullets, bullets, numbers, nested, paragraph, paragraph, table, fence, fence, borrowed,
    ]  # fmt: skip
    return kinds[draw.below(len(kinds))](draw)


def bullets(draw: Draw) -> str:
    """A list, often with the first words bold."""
    bold = draw.chance(0.5)
    return "".join(
        f"- **{draw.words(2)}**: {draw.words(draw.between(4, 14))}\n"
        if bold
        else f"- {draw.words(draw.between(4, 16))}\n"
        for _ in range(draw.between(3, 9))
    )


def numbers(draw: Draw) -> str:
    """A numbered list."""
    return "".join(
        f"{number}. {draw.words(draw.between(6, 18))}\n"
        for number in range(1, draw.between(3, 8) + 1)
    )


def nested(draw: Draw) -> str:
    """A list of lists."""
    return "".join(
        f"- **{draw.words(2)}**\n"
        + "".join(f"  - {draw.words(draw.between(4, 12))}\n" for _ in range(draw.between(2, 5)))
        for _ in range(draw.between(2, 4))
    )


def paragraph(draw: Draw) -> str:
    """Sentences."""
    return (
        " ".join(
            f"{draw.words(draw.between(8, 25)).capitalize()}." for _ in range(draw.between(1, 4))
        )
        + "\n"
    )


def table(draw: Draw) -> str:
    """A table of three columns."""
    rows = "".join(
        f"| {draw.words(1)} | {draw.words(3)} | `{draw.one(NAMES)}_{draw.below(1000)}` |\n"
        for _ in range(draw.between(3, 8))
    )
    return f"| {draw.words(1)} | {draw.words(1)} | {draw.words(1)} |\n|---|---|---|\n{rows}"


def fence(draw: Draw) -> str:
    """A code block; one in fifty has an ellipsis that stands for what a reader should fill in."""
    language, make = list(CODE.items())[draw.below(len(CODE))]
    code = "".join(make(draw) for _ in range(draw.between(1, 3) if language in REPEATED else 1))
    if language == "python" and draw.chance(0.1):
        code += f"{draw.one(NAMES)} = load(path, [...], ... more)\n"
    return f"```{language}\n{code}```\n"


def borrowed(draw: Draw) -> str:
    """Prose of our own agents."""
    known = own_blocks()
    return known[draw.below(len(known))]


@cache
def own_blocks() -> list[str]:
    """The paragraphs, lists and tables of our rendered agents, each once."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "agents").glob("*/*.md")):
        body = path.read_text(encoding="utf-8").split("\n---\n", 1)[1]
        # code and headings of another text would make sections that stand twice, and links that lead nowhere
        for part in re.sub(r"^```.*?^```$", "", body, flags=re.DOTALL | re.MULTILINE).split("\n\n"):
            if part.strip() and not part.lstrip().startswith("#") and "](#" not in part:
                found[part.strip("\n") + "\n"] = None
    return list(found)


def python(draw: Draw) -> str:
    """A function."""
    one, other, number = draw.one(NAMES), draw.one(NAMES), draw.below(10_000)
    return (
        f"async def load_{one}_{number}({other}_id: int, *, limit: int = {draw.below(500)}) -> list[dict]:\n"
        f'    """Load {draw.words(4)}."""\n'
        f"    rows = await session.execute(select({one.title()}).where({one.title()}.id == {other}_id))\n"
        f"    {other}s = [row for row in rows if row['{draw.one(NAMES)}'] > {number}]\n"
        f"    if not {other}s:\n"
        f'        raise LookupError(f"no {one} {{{other}_id}}")\n'
        f"    return {other}s[:limit]\n\n"
    )


def typescript(draw: Draw) -> str:
    """A function."""
    one, other = draw.one(NAMES), draw.one(NAMES)
    return (
        f"export async function get{one.title()}{draw.below(10_000)}({other}Id: string): Promise<{one.title()}[]> {{\n"
        f"  const response = await fetch(`/api/{one}/${{{other}Id}}?limit={draw.below(500)}`);\n"
        f"  if (!response.ok) {{\n    throw new Error('{draw.words(4)}');\n  }}\n"
        f"  return (await response.json()).{other}s.map((item) => ({{ ...item, seen: true }}));\n}}\n\n"
    )


def bash(draw: Draw) -> str:
    """Some commands."""
    return "".join(
        f"# {draw.words(4)}\n{draw.one(['git log', 'grep -rn', 'npm test', 'pytest -k', 'docker logs'])}"
        f" {draw.one(NAMES)}_{draw.below(1000)} | tail -n {draw.between(5, 90)}\n"
        for _ in range(draw.between(2, 5))
    )


def json_text(draw: Draw) -> str:
    """An object."""
    rows = ",\n".join(
        f'  "{draw.one(NAMES)}_{index}": {{"status": "{draw.words(1)}", "count": {draw.below(1000)}}}'
        for index in range(draw.between(3, 8))
    )
    return f"{{\n{rows}\n}}\n"


def yaml_text(draw: Draw) -> str:
    """A mapping."""
    return "".join(
        f"{draw.one(NAMES)}_{index}:\n  enabled: true\n  limits: [{draw.below(10)}, {draw.below(100)}]\n"
        for index in range(draw.between(2, 5))
    )


def sql(draw: Draw) -> str:
    """A query."""
    one, other = draw.one(NAMES), draw.one(NAMES)
    return (
        f"SELECT {one}.id, count(*) AS total\nFROM {one}s AS {one}\nJOIN {other}s ON {other}s.{one}_id = {one}.id\n"
        f"WHERE {one}.created_at > now() - interval '{draw.between(1, 90)} days'\n"
        f"GROUP BY {one}.id\nORDER BY total DESC\nLIMIT {draw.below(500)};\n"
    )


def plain(draw: Draw) -> str:
    """A tree of files."""
    return "src/\n" + "".join(
        f"├── {draw.one(NAMES)}_{index}/\n│   └── {draw.one(NAMES)}.ts  # {draw.words(3)}\n"
        for index in range(draw.between(2, 6))
    )


CODE: dict[str, Callable[[Draw], str]] = {
    "python": python,
    "typescript": typescript,
    "bash": bash,
    "json": json_text,
    "yaml": yaml_text,
    "sql": sql,
    "": plain,
}
REPEATED = ("python", "typescript")


# Defects: each takes the frontmatter and the body of a sound file


def _head(pattern: str, new: str) -> Callable[[str, str], tuple[str, str]]:
    return lambda head, body: (re.sub(pattern, new, head, count=1, flags=re.MULTILINE), body)


def _body(new: str) -> Callable[[str, str], tuple[str, str]]:
    return lambda head, body: (head, f"{body}\n{new}")


DEFECT: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "no description": _head(r"^description: (?:.*\n)(?:  .*\n)*", ""),
    "no name": _head(r"^name: .*\n", ""),
    "bad name": _head(r"^name: (.*)", r"name: The \1!"),
    "same name": _head(r"^name: .*", "name: code-reviewer"),
    "misspelt tool": _head(r"\A", "disallowedTools: Bahs, WebFetch\n"),
    "unknown field": _head(r"\A", "allowed-tools: Read, Grep\n"),
    "unknown model": _head(r"\Z", "effort: enormous\n"),
    "unquoted colon": _head(r"^description: .*\n(?:  .*\n)*", "description: Use it: now\n"),
    "tab": _head(r"\Z", "hooks:\n\tStop: []\n"),
    "key twice": _head(r"\Z", "name: another-name\n"),
    "unclosed fence": _body("```python\nprint(1)\n"),
    "nested fence": _body("```markdown\n# Report\n```python\nx = 1\n```\nmore\n```\n"),
    "broken code": _body("```python\ndef run(:\n    return [1, 2\n```\n"),
    "broken JSON": _body('```json\n{"a": 1, "b": [1, 2,]\n```\n'),
    "broken link": _body("See [the guide](docs/no-such-guide.md) and [above](#no-such-section).\n"),
    "skipped level": _body("## Notes\n\n#### Deep\n\ntext\n"),
    "mojibake": _body("It doesnâ€™t matter â€“ much.\n"),
    "placeholder": _body("Work in {{PROJECT_NAME}} as <YOUR_ROLE>.\n"),
    "invisible character": _body("Zero\u200bwidth and\u202ebackwards.\n"),
    "unclosed tag": _body("<example>\nuser: one\n</example>\n<example>\nuser: two\n"),
    "secret": _body("Use the key AKIAQ3EGRRPLK7ZUX2VN for uploads.\n"),
    "pipe to shell": _body("```bash\ncurl -s https://example.com/install.sh | sh\n```\n"),
}


def main() -> None:
    """Write the corpus into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Write the corpus of agent files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=FILES)
    given = parser.parse_args()
    total = write(given.folder, given.files)
    print(f"{given.files:,} files, {total:,} bytes in {given.folder}")


if __name__ == "__main__":
    main()
