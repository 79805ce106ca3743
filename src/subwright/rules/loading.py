"""Rules about whether Claude Code loads a file, and what of its frontmatter it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from subwright import claude_code
from subwright.agent import Agent
from subwright.claude_code import FIELDS, SUFFIX
from subwright.diagnostic import Edit, Fix, Severity, Span
from subwright.errors import did_you_mean
from subwright.hooks import hook_problems, kind_of, stray_guards
from subwright.patterns import lazy
from subwright.reading import Problem
from subwright.rules import Finding, quoted, rule, shorten
from subwright.spec import Field

_EXAMPLE = lazy(r"</?example>|</?commentary>", re.IGNORECASE)
_SPEAKER = lazy(r"(?:user|human|assistant|agent|context|commentary|<[\w/-]+>.*)", re.IGNORECASE)


@rule(Severity.ERROR, stops=True)
def wrong_suffix(agent: Agent) -> Iterator[Finding]:
    """The name of the file does not end in `.md`.

    Claude Code reads files whose names end in `.md`, in lower case, and no others: not `.MD`, `.markdown` or `.mdc`.
    It says nothing of the rest.

    ```fail path=reviewer.markdown
    ---
    name: reviewer
    description: Reviews code
    ---
    ```

    ```pass path=reviewer.md
    ---
    name: reviewer
    description: Reviews code
    ---
    ```
    """
    name = (agent.place.path or SUFFIX).rpartition("/")[2]
    if not name.endswith(SUFFIX):
        advice = f"rename it to `{name.rpartition('.')[0]}{SUFFIX}`"
        yield Finding(
            Span(0, 0), f"Claude Code does not read a file named `{shorten(name)}`", advice
        )


@rule(Severity.ERROR, stops=True, needs=("too-large",))
def too_large(agent: Agent) -> Iterator[Finding]:
    """The file is larger than 1 MiB.

    Claude Code skips a file of more than 1,048,576 bytes without a word.

    ```fail times=24000
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code file by file, and line by line.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    ```
    """
    if agent.size > claude_code.MAX_BYTES:
        message = f"the file has {agent.size:,} bytes; Claude Code reads {claude_code.MAX_BYTES:,}"
        yield Finding(Span(0, 0), message, "an agent is a prompt: keep it to a few thousand words")


@rule(Severity.ERROR, stops=True, needs=("no-frontmatter",))
def not_an_agent(agent: Agent) -> Iterator[Finding]:
    """The file has no frontmatter, so it is no agent.

    Frontmatter begins with `---` as the very first bytes of a file; blanks after it are allowed. A blank line, a
    comment, a code fence, `----` or `+++` before it or in its place, and Claude Code skips the file without a word.
    In a plugin it loads such a file all the same, under its file's name and with all tools.

    ```fail
    # Reviewer

    Review the code.
    ```

    ```fail

    ---
    name: reviewer
    description: Reviews code
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    ```
    """
    if _stopped_by(agent, "no-frontmatter") is None:
        return
    text = agent.text
    later = re.search(r"^[ \t]*---[ \t]*\r?$", text, re.MULTILINE)
    if "\0" in text[:4] or text[:1] == "\ufffd":
        message, advice = "the file is not UTF-8", "save it as UTF-8"
    elif text.startswith("---") and "\n" not in text and "\r" in text:
        message = "the lines end with carriage returns alone, so nothing of the frontmatter is seen"
        advice = "save it with line feeds"
    elif re.match(r"\ufeff?-{4,}", text):
        message, advice = "the frontmatter opens with more than three dashes", "write `---`"
    elif text.lstrip("\ufeff").startswith("+++"):
        message, advice = (
            "the frontmatter is TOML; Claude Code reads YAML",
            "write it between two `---`",
        )
    elif re.match(r"\ufeff?[ \t]*(?:`{3,}|~{3,})", text):
        message = "the file is wrapped in a code fence, so its frontmatter is not seen"
        advice = "take the fence away: `---` comes first"
    elif later and re.match(r"[ \t]*(?:name|description)[ \t]*:", text[later.end() + 1 :]):
        what = "blank lines" if not text[: later.start()].strip() else "text"
        message = f"{what} before the frontmatter, so it is not seen"
        advice = "`---` must be the first three bytes of the file"
    else:
        message = "the file has no frontmatter, so it is no agent"
        advice = (
            "start it with `---`, `name:`, `description:` and `---`, or move it out of the agents"
        )
    yield Finding(Span(0, 0), message, advice)


@rule(Severity.ERROR, stops=True, needs=("unclosed",))
def unclosed_frontmatter(agent: Agent) -> Iterator[Finding]:
    """The frontmatter is not closed.

    Without a second `---` Claude Code takes the whole file for text without frontmatter and skips it without a word.
    `...` closes nothing.

    ```fail
    ---
    name: reviewer
    description: Reviews code

    Review the code.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    ```
    """
    problem = _stopped_by(agent, "unclosed")
    if problem:
        yield Finding(problem.span, problem.message, "add a line `---` after the last field")


@rule(Severity.ERROR, needs=("early-end",))
def early_end(agent: Agent) -> Iterator[Finding]:
    """The frontmatter ends at a `---` inside of a line.

    For Claude Code the block ends at the first `---` after its opening, wherever that stands. A value that holds one
    is cut there, and the rest of the block becomes the prompt.

    ```fail
    ---
    name: reviewer
    description: Reviews code --- with care
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code, with care
    ---
    ```
    """
    if agent.reading.early:
        line = agent.source.line(agent.source.position(agent.reading.early.start).line)
        advice = "write `---` on a line of its own"
        if line.strip(" -"):
            advice = "use other words; in double quotes `\\x2d--` stands for `---`"
        elif line.strip().startswith("----"):
            advice = "close the block with `---`, not with more dashes"
        yield Finding(agent.reading.early, "the frontmatter ends at this `---`", advice)


@rule(Severity.ERROR, stops=True, needs=("not-mapping",))
def not_a_mapping(agent: Agent) -> Iterator[Finding]:
    """The frontmatter holds no fields.

    An empty block, a list or a plain text gives no name, and Claude Code skips the file without a word.

    ```fail
    ---
    - name: reviewer
    - description: Reviews code
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ```
    """
    problem = _stopped_by(agent, "not-mapping")
    if problem:
        yield Finding(problem.span, problem.message, "write fields as `name: value`")


@rule(Severity.ERROR, stops=True, needs=("not-yaml",))
def invalid_yaml(agent: Agent) -> Iterator[Finding]:
    """The frontmatter is no YAML.

    Claude Code reads it twice: as it stands, then with the values quoted that look as if they needed it and with tabs
    at the beginning of lines as blanks. When that fails too it drops the file; only the debug log says so.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    and its tests
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
      and its tests
    ---
    ```
    """
    problem = agent.reading.problem
    if problem and problem.reason == "not-yaml":
        yield Finding(problem.span, problem.message, _yaml_advice(agent, problem))


@rule(Severity.WARNING, fixable=True, needs=("second-try",))
def unquoted_value(agent: Agent) -> Iterator[Finding]:
    """The frontmatter is no YAML until Claude Code has quoted some of its values.

    A plain value with `: ` in it, or one that begins with a bracket, an asterisk, an at sign or the like, is no YAML.
    Claude Code tries a second time with such values quoted, so the agent works there; GitHub Copilot, VS Code and
    other readers of `.claude/agents` refuse the file.

    ```fail
    ---
    name: reviewer
    description: Use this agent for one thing: reviewing code
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: "Use this agent for one thing: reviewing code"
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: "Use this agent for one thing: reviewing code"
    ---
    ```
    """
    strict = agent.reading.strict
    if strict is None:
        return
    edits = []
    names = []
    for field in agent.spec.fields:
        written = agent.text[slice(*field.value)]
        if isinstance(field.data, str) and field.data == written and _needs_quotes(written):
            edits.append(Edit(field.value, quoted(written)))
            names.append(field)
    where, what = strict.span, "this"
    for field in names:
        if field.value.start <= strict.span.start <= field.value.end:
            where, what = field.value, f"`{field.name}`"
    fix = (
        Fix("quote the value" if len(edits) == 1 else "quote the values", tuple(edits))
        if edits
        else None
    )
    advice = "quote it" if edits else "indent with blanks, and quote values"
    yield Finding(
        where,
        f"{what} is no YAML until Claude Code quotes it, as other readers do not",
        advice,
        fix,
    )


@rule(Severity.ERROR, needs=("hash", "other-keys"))
def cut_description(agent: Agent) -> Iterator[Finding]:
    """The description is cut.

    In a plain value a blank and `#` begin a comment, and a line with `user:` or the like begins another field. The
    model sees only what stands before, and nothing tells you: `description: C# expert #1` is read as "C# expert".

    ```fail
    ---
    name: reviewer
    description: Reviews code for issue #12 and its like
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code. <example>
    user: "review this"
    assistant: "I will"
    </example>:
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: "Reviews code for issue #12 and its like"
    ---
    ```
    """
    found = agent.field("description")
    if found is None or not isinstance(found.data, str):
        return
    comment = _comment_after(agent, found)
    if comment and agent.text[comment.start : comment.start + 2] != "# ":
        yield Finding(
            comment, "this is a comment, no part of the description", "quote the description"
        )
        return
    after = [field for field in agent.spec.fields if field.key.start > found.key.start]
    if after and after[0].name not in FIELDS and _SPEAKER.fullmatch(after[0].name):
        advice = (
            "write it on one line in double quotes, with `\\n` for line ends, or as a `|` block"
        )
        yield Finding(
            after[0].key, "the description ends before this line, which is read as a field", advice
        )


@rule(Severity.WARNING, needs=("hash",))
def cut_value(agent: Agent) -> Iterator[Finding]:
    """A value is cut at ` #`.

    In a plain value a blank and `#` begin a comment. `color: #ff0000` has no value at all, and `name: bot #1` is read
    as "bot".

    ```fail
    ---
    name: reviewer
    description: Reviews code
    color: #ff0000
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    color: red # for the dashboard
    ---
    ```
    """
    for field in agent.spec.fields:
        if field.name != "description" or field.data is None:
            comment = _comment_after(agent, field)
            # a comment of words has a blank after its `#`
            if comment and agent.text[comment.start + 1 : comment.start + 2] not in (
                "",
                " ",
                "\t",
                "#",
                "!",
            ):
                yield Finding(
                    comment,
                    f"this is a comment, no part of `{shorten(field.name)}`",
                    "quote the value",
                )


@rule(Severity.WARNING, needs=("repeated-keys",))
def duplicate_key(agent: Agent) -> Iterator[Finding]:
    """The frontmatter has the same key twice.

    Claude Code keeps the last value and drops the others without a word.

    ```fail
    ---
    name: reviewer
    name: code-reviewer
    description: Reviews code
    ---
    ```

    ```pass
    ---
    name: code-reviewer
    description: Reviews code
    ---
    ```
    """
    first: dict[str, Field] = {}
    for field in agent.spec.fields:
        if field.name in first:
            line = agent.source.position(first[field.name].key.start).line
            yield Finding(
                field.key, f"duplicate key `{shorten(field.name)}`", f"first given at line {line}"
            )
        first.setdefault(field.name, field)


@rule(Severity.ERROR, stops=True)
def missing_name(agent: Agent) -> Iterator[Finding]:
    """The agent has no name.

    Claude Code skips a file without a `name`, or with an empty one, and says nothing. The name of the file does not
    serve, except in a plugin.

    ```fail
    ---
    description: Reviews code
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ```
    """
    found = agent.field("name")
    if agent.reading.problem or agent.place.plugin or (found and found.data not in (None, "")):
        return
    if found is None:
        yield Finding(Span(0, 3), "the agent has no `name`", "add `name: ` and a word for it")
    else:
        yield Finding(
            found.value if found.data == "" else found.key, "`name` is empty", "give it a word"
        )


@rule(Severity.ERROR, stops=True, fixable=True, needs=("name",))
def invalid_name(agent: Agent) -> Iterator[Finding]:
    """The name is none that Claude Code takes.

    A name is a text of 1 to 256 characters that does not begin with `-` and has no `:`, which plugins need for
    themselves. A number or `true` is no text. The file does not load; only the debug log says so.

    ```fail
    ---
    name: 007
    description: Reviews code
    ---
    ```

    ```fix
    ---
    name: "007"
    description: Reviews code
    ---
    ```

    ```fail
    ---
    name: team:reviewer
    description: Reviews code
    ---
    ```

    ```pass
    ---
    name: team-reviewer
    description: Reviews code
    ---
    ```
    """
    found = agent.field("name")
    if found is None or found.data in (None, "") or agent.place.plugin:
        return
    if not isinstance(found.data, str):
        written = agent.text[slice(*found.value)]
        fix = None
        if isinstance(found.data, int | float) and "\n" not in written:
            fix = Fix("quote the value", (Edit(found.value, quoted(written)),))
        message = f"`name` is {kind_of(found.data)}, not a text"
        yield Finding(found.value, message, "quote it" if fix else "write one word", fix)
    elif problem := claude_code.name_problem(found.data):
        advice = "use lower-case letters, digits and hyphens"
        yield Finding(
            found.value, f"Claude Code does not load an agent whose name {problem}", advice
        )


@rule(Severity.ERROR, stops=True)
def missing_description(agent: Agent) -> Iterator[Finding]:
    """The agent has no description.

    The description is all that the model knows of an agent when it chooses one. Without it Claude Code does not load
    the file; only the debug log says so.

    ```fail
    ---
    name: reviewer
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code. Use after every change.
    ---
    ```
    """
    found = agent.field("description")
    named = agent.data.get("name") not in (None, "")
    # where there is no name either, the name is said to be missing: with it, this shows
    if agent.reading.problem or agent.place.plugin or not named:
        return
    if found is None:
        advice = "say in one sentence what it does and when to use it"
        yield Finding(Span(0, 3), "the agent has no `description`", advice)
    elif found.data in (None, ""):
        where = found.key if found.value.start == found.value.end else found.value
        yield Finding(where, "`description` is empty", "say what the agent does and when to use it")


@rule(Severity.ERROR, stops=True, needs=("description",))
def invalid_description(agent: Agent) -> Iterator[Finding]:
    """The description is no text.

    A number, `true`, a list or a mapping is none, and Claude Code does not load the file; only the debug log says so.

    ```fail
    ---
    name: reviewer
    description: [Reviews code, Writes tests]
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code, writes tests
    ---
    ```
    """
    found = agent.field("description")
    named = agent.data.get("name") not in (None, "")
    if found is None or agent.place.plugin or not named or found.data in (None, ""):
        return
    if not isinstance(found.data, str):
        message = f"`description` is {kind_of(found.data)}, not a text"
        yield Finding(found.value, message, "write one sentence, in double quotes")


@rule(Severity.ERROR, stops=True)
def broken_hooks(agent: Agent) -> Iterator[Finding]:
    """The hooks keep the agent from loading.

    `hooks` maps events to lists of `{matcher, hooks: [{type, …}]}`. Claude Code drops a wrong entry and loads the
    agent, but not where that would leave it unguarded: with a wrong entry under `PreToolUse` or `PermissionRequest`,
    such hooks outside of `hooks`, or hooks that are no mapping the file does not load. Only the debug log says so.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    hooks:
      PreToolUse:
        - matcher: Bash
          command: ./check.sh
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    hoks:
      PreToolUse:
        - matcher: Bash
          hooks:
            - type: command
              command: ./check.sh
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    hooks:
      PreToolUse:
        - matcher: Bash
          hooks:
            - type: command
              command: ./check.sh
    ---
    ```
    """
    if agent.place.plugin:
        return
    found = agent.field("hooks")
    if found:
        for problem in hook_problems(found.data):
            if problem.stops:
                yield Finding(agent.span_at(found, problem.path), problem.message, problem.help)
    for name in stray_guards(agent.data):
        stray = agent.field(name)
        if stray:
            message = f"`{shorten(name)}` holds hooks that belong under `hooks:`"
            yield Finding(stray.key, message, did_you_mean(name, ["hooks"]) or "move them there")


@rule(Severity.WARNING, needs=("not-utf8",))
def not_utf8(agent: Agent) -> Iterator[Finding]:
    """The file has bytes that are not UTF-8.

    Claude Code puts U+FFFD in their place, in the prompt too.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews caf\\xe9 menus
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews café menus
    ---
    ```
    """
    if agent.invalid is not None and _stopped_by(agent, "no-frontmatter") is None:
        at = max(0, agent.text.find("\ufffd"))
        yield Finding(Span(at, at + 1), "a byte that is not UTF-8", "save the file as UTF-8")


@rule(Severity.WARNING, fixable=True, needs=("description",))
def literal_newline(agent: Agent) -> Iterator[Finding]:
    r"""The description has a backslash and an `n` where a line end is meant.

    Claude Code turns the two characters into a line end; every other reader of the file shows them. In double
    quotes `\n` is a line end for all.

    ```fail
    ---
    name: reviewer
    description: Reviews code.\nUse after every change.
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: "Reviews code.\nUse after every change."
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: "Reviews code.\nUse after every change."
    ---
    ```
    """
    found = agent.field("description")
    if found is None or not isinstance(found.data, str) or "\\n" not in found.data:
        return
    written = agent.text[slice(*found.value)]
    at = written.find("\\n")
    fix = None
    if written == found.data and "\n" not in written:
        meant = quoted(written).replace("\\\\n", "\\n")
        fix = Fix("quote the description", (Edit(found.value, meant),))
    where = Span(found.value.start + at, found.value.start + at + 2) if at >= 0 else found.value
    yield Finding(
        where, r"`\n` in the description is a line end for Claude Code alone", "quote it", fix
    )


def _stopped_by(agent: Agent, reason: str) -> Problem | None:
    """What stops the reading of an agent outside of plugins, where it is of one kind."""
    problem = agent.reading.problem
    return problem if problem and problem.reason == reason and not agent.place.plugin else None


def _yaml_advice(agent: Agent, problem: Problem) -> str | None:
    line = agent.source.line(agent.source.position(problem.span.start).line)
    if "\u00a0" in line:
        return "there is a no-break space in this line: put a plain one in its place"
    if re.match(r"[\w-]+:\S", line):
        return "put a blank after the colon"
    if line and not line[0].isspace() and ":" not in line:
        return "indent the lines that go on with a value, or write it in double quotes on one line"
    if line.count('"') % 2:
        return 'close the quote, or write `\\"` for one inside'
    return None


def _needs_quotes(written: str) -> bool:
    return (
        "\n" not in written
        and any(mark in written for mark in claude_code.QUOTED_ON_RETRY)
        and written[:1] not in ("'", '"')
    )


def _comment_after(agent: Agent, field: Field) -> Span | None:
    """The comment that ends the line of a plain value."""
    if agent.text[field.value.start : field.value.start + 1] in ("'", '"', "|", ">", "[", "{"):
        return None
    if not isinstance(field.data, str) and field.data is not None:
        return None
    end = agent.source.line_at(max(field.value.end, field.key.end)).end
    rest = agent.text[field.value.end : end]
    found = re.match(r"(?:(?<=[\s:])|[ \t:])*(#.*)", rest)
    return Span(field.value.end + found.start(1), end) if found else None
