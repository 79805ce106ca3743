"""Rules about what the fields of the frontmatter take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from subwright import claude_code
from subwright.agent import Agent
from subwright.claude_code import COLORS, FIELDS, MODEL_ALIASES
from subwright.diagnostic import Edit, Fix, Severity
from subwright.errors import did_you_mean
from subwright.hooks import TAKES, hook_problems, is_number, kind_of
from subwright.rules import Finding, rule, shorten

_TAKES = {
    "text": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a mapping",
}
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@rule(Severity.WARNING, fixable=True, needs=("other-keys",))
def unknown_key(agent: Agent) -> Iterator[Finding]:
    """The frontmatter has a key that Claude Code does not know.

    It is ignored, and only the debug log says so: with `allowed-tools` an agent has all tools, with `modle` the
    session's model. Keys are written exactly so, capitals too. What your own programs read can be allowed:
    `allowed-keys` in the configuration.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    allowed-tools: Read
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read
    ---
    ```

    ```pass keys=reviewed-by
    ---
    name: reviewer
    description: Reviews code
    reviewed-by: Ann
    ---
    ```
    """
    there = {field.name for field in agent.spec.fields}
    after_cut = False
    for field in agent.spec.fields:
        # what follows a description that is cut is no key that anybody wrote
        after_cut = after_cut or (
            field.name not in FIELDS and not re.fullmatch(r"[\w.-]+", field.name)
        )
        if field.name in FIELDS or field.name in agent.place.keys or after_cut or not field.name:
            continue
        meant = claude_code.OTHER_KEYS.get(_plain(field.name)) or _same_word(field.name)
        fix = None
        if meant and meant not in there and agent.text[slice(*field.key)] == field.name:
            fix = Fix(f"rename it to `{meant}`", (Edit(field.key, meant),))
        advice = f"write `{meant}`" if meant else did_you_mean(field.name, FIELDS, 0.75)
        host = claude_code.KEYS_OF_OTHER_HOSTS.get(field.name)
        if advice is None:
            advice = (
                f"it is a key of {host}" if host else "take it away, or name it in `allowed-keys`"
            )
        message = f"unknown key `{shorten(field.name)}`, which Claude Code ignores"
        yield Finding(field.key, message, advice, fix)


@rule(Severity.WARNING, fixable=True)
def ignored_value(agent: Agent) -> Iterator[Finding]:
    """A field has a value that Claude Code does not take.

    The value is ignored, as if the field were not there, and at most the debug log says so. `background: yes` is a
    text in YAML 1.2 and no `true`; `permissionMode: readOnly` leaves the mode of the session.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    background: yes
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    background: true
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    maxTurns: 0
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    background: true
    maxTurns: 5
    ---
    ```
    """
    for field in agent.spec.fields:
        known = FIELDS.get(field.name)
        if known is None or field.data is None or (agent.place.plugin and not known.in_plugin):
            continue
        if field.name in ("name", "description", "tools", "disallowedTools", "color", "hooks"):
            continue  # each has rules of its own
        problem = _value_problem(known, field.data)
        if problem is None:
            continue
        message, advice, meant = problem
        fix = None
        if meant and "\n" not in agent.text[slice(*field.value)]:
            fix = Fix(f"write `{meant}`", (Edit(field.value, meant),))
        yield Finding(agent.span_at(field, ()), message, advice, fix)


@rule(Severity.WARNING, needs=("mcpServers",))
def ignored_server(agent: Agent) -> Iterator[Finding]:
    """An entry of `mcpServers` is none that Claude Code takes.

    `mcpServers` is a list of names of servers that the project configures, and of mappings `name: {type, command or
    url}`. A mapping in place of the list is ignored without a word; an item that is neither is dropped, and only the
    debug log says so.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    mcpServers:
      - github: {type: pigeon, url: "https://example.com"}
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    mcpServers:
      - serena
      - github: {type: http, url: "https://example.com/mcp"}
    ---
    ```
    """
    field = agent.field("mcpServers")
    if field is None or not isinstance(field.data, list) or agent.place.plugin:
        return
    for index, item in enumerate(field.data):
        problem = _server_problem(item)
        if problem:
            advice = "write the name of a server, or `name: {command: …}`, or `name: {type: http, url: …}`"
            yield Finding(agent.span_at(field, (index,)), problem, advice)


@rule(Severity.WARNING, needs=("hooks",))
def ignored_hook(agent: Agent) -> Iterator[Finding]:
    """A hook is wrong, so that it never runs.

    Claude Code drops the entry and loads the agent, and only the debug log says so. (A wrong entry that might guard
    the agent keeps it from loading: `broken-hooks`.)

    ```fail
    ---
    name: reviewer
    description: Reviews code
    hooks:
      PostToolUse:
        - matcher: Edit
          command: ./format.sh
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    hooks:
      PostToolUse:
        - matcher: Edit
          hooks:
            - type: command
              command: ./format.sh
    ---
    ```
    """
    field = agent.field("hooks")
    if field is None or agent.place.plugin:
        return
    for problem in hook_problems(field.data):
        if not problem.stops:
            yield Finding(agent.span_at(field, problem.path), problem.message, problem.help)


@rule(Severity.WARNING, fixable=True, needs=("color",))
def unknown_color(agent: Agent) -> Iterator[Finding]:
    """The colour is none of the eight.

    Claude Code drops it without a word. It knows red, blue, green, yellow, purple, orange, pink and cyan, in lower
    case.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    color: Blue
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    color: blue
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    color: blue
    ---
    ```
    """
    field = agent.field("color")
    if field is None or field.data is None or field.data in COLORS:
        return
    advice, fix = "choose from " + ", ".join(COLORS), None
    shown = shorten(agent.text[slice(*agent.span_at(field, ()))]) or kind_of(field.data)
    if isinstance(field.data, str):
        shown = shorten(field.data)
        lower = field.data.strip().lower()
        if lower in COLORS and "\n" not in agent.text[slice(*field.value)]:
            advice, fix = f"write `{lower}`", Fix(f"write `{lower}`", (Edit(field.value, lower),))
    yield Finding(
        agent.span_at(field, ()), f"`{shown}` is no colour that Claude Code knows", advice, fix
    )


@rule(Severity.WARNING, needs=("model",))
def unknown_model(agent: Agent) -> Iterator[Finding]:
    """The model is none that Claude Code can run.

    Any text is passed on to the API, where the agent's first turn fails. It takes the names of the families,
    `inherit`, and full ids, which begin with `claude-`; behind another gateway ids look otherwise, and such a finding
    is to be allowed.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    model: gpt-5
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    model: sonnet
    ---
    ```
    """
    field = agent.field("model")
    if field is None or not isinstance(field.data, str):
        return
    model = claude_code.model_read(field.data)
    if model is None:
        return
    name = model.lower()
    for suffix in claude_code.MODEL_SUFFIXES:
        name = name.removesuffix(suffix)
    # ids of other gateways: Bedrock's and Vertex's hold the id, a Bedrock profile is an ARN
    if name in MODEL_ALIASES or "claude-" in name or name.startswith("arn:"):
        return
    advice = did_you_mean(name, MODEL_ALIASES, 0.7) or "choose from " + ", ".join(MODEL_ALIASES)
    yield Finding(agent.span_at(field, ()), f"there is no model `{shorten(model)}`", advice)


@rule(Severity.WARNING, needs=("model",))
def retired_model(agent: Agent) -> Iterator[Finding]:
    """The agent is pinned to a model that is retired.

    A request for such a model fails at the API, unless the client takes a newer one in its place. The names of the
    families, such as `sonnet`, follow the models. Bedrock and Vertex have dates of their own.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    model: claude-3-opus-20240229
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    model: opus
    ---
    ```
    """
    field = agent.field("model")
    if field is None or not isinstance(field.data, str):
        return
    found = claude_code.RETIRED_MODEL.search(field.data.lower())
    if found:
        family = next(filter(None, found.groups()), "sonnet")
        message = f"the model `{shorten(field.data)}` is retired, or will be within days"
        yield Finding(
            agent.span_at(field, ()), message, f"write `{family}`, which follows the models"
        )


@rule(Severity.WARNING, needs=("plugin",))
def plugin_field(agent: Agent) -> Iterator[Finding]:
    """A field means nothing in a plugin's agent.

    Claude Code ignores `permissionMode`, `hooks`, `mcpServers`, `initialPrompt` and the observers in agents that come
    with a plugin, so that installing one cannot raise permissions; of `isolation` only `worktree` counts there.

    ```fail plugin
    ---
    name: reviewer
    description: Reviews code
    permissionMode: plan
    ---
    ```

    ```pass plugin
    ---
    name: reviewer
    description: Reviews code
    model: sonnet
    ---
    ```
    """
    for field in agent.spec.fields if agent.place.plugin else ():
        known = FIELDS.get(field.name)
        if known is None or field.data is None:
            continue
        shown = field.name
        if field.name == "isolation" and field.data != "worktree":
            shown = f"isolation: {shorten(str(field.data))}"
        elif known.in_plugin:
            continue
        message = f"Claude Code ignores `{shown}` in a plugin's agent"
        yield Finding(field.key, message, "take it away, or ship the agent outside of a plugin")


@rule(Severity.INFO, needs=[name for name, field in FIELDS.items() if not field.documented])
def undocumented_field(agent: Agent) -> Iterator[Finding]:
    """A field is in Claude Code's schema but in no documentation.

    It may go with the next release, without notice.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    observeSubagents: true
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    memory: project
    ---
    ```
    """
    for field in agent.spec.fields:
        known = FIELDS.get(field.name)
        if known and not known.documented and not agent.place.plugin:
            yield Finding(field.key, f"`{field.name}` is not documented")


@rule(Severity.INFO)
def odd_name(agent: Agent) -> Iterator[Finding]:
    """The name is not in lower case with hyphens, or not that of the file.

    Such agents load. The documentation recommends lower-case letters and hyphens, and an agent is found sooner when
    its file has its name.

    ```fail path=reviewer.md
    ---
    name: Code Reviewer
    description: Reviews code
    ---
    ```

    ```pass path=code-reviewer.md
    ---
    name: code-reviewer
    description: Reviews code
    ---
    ```
    """
    field = agent.field("name")
    if field is None or not isinstance(field.data, str) or claude_code.name_problem(field.data):
        return
    if not _WORD.fullmatch(field.data):
        yield Finding(field.value, "the name is not in lower case with hyphens")
    elif agent.place.path:
        stem = agent.place.path.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
        if stem != field.data and agent.place.path != "agent.md":
            yield Finding(field.value, f"the file is named `{shorten(stem)}`")


@rule(Severity.INFO)
def long_description(agent: Agent) -> Iterator[Finding]:
    """The description has more than 1,024 characters.

    All of it goes to the model in every session, whether the agent is used or not. Claude Code cuts nothing.

    ```fail line=4 times=40
    ---
    name: reviewer
    description: >-
      Reviews code, file by file, and line by line
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code, file by file
    ---
    ```
    """
    field = agent.field("description")
    if field and isinstance(field.data, str) and len(field.data) > claude_code.LONG_DESCRIPTION:
        message = f"the description has {len(field.data):,} characters, paid for in every session"
        yield Finding(
            agent.span_at(field, ()), message, "move what the agent itself needs into its body"
        )


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _same_word(key: str) -> str | None:
    """The field that a key is but for its case and its hyphens."""
    return next((name for name in FIELDS if _plain(name) == _plain(key)), None)


def _value_problem(known: claude_code.Field, data: Any) -> tuple[str, str, str | None] | None:
    """What is wrong with a field's value, what to do, and the value that is surely meant."""
    name = known.name
    if name == "model" and isinstance(data, str):
        return (
            (f"`{name}` is empty", "name a model, or take the field away", None)
            if not data.strip()
            else None
        )
    if isinstance(data, str) and "text" in known.kinds:
        if (
            not known.values
            or data in known.values
            or (known.any_case and data.lower() in known.values)
        ):
            return None
        choices = [value for value in known.values if value not in ("med", "manual", "remote")]
        meant = next((value for value in choices if value.lower() == data.lower()), None)
        if name == "background":
            meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(
                data.lower(), meant
            )
        advice = (
            f"write `{meant}`"
            if meant
            else did_you_mean(data, choices) or "choose from " + ", ".join(choices)
        )
        return f"`{shorten(data)}` is no `{name}` that Claude Code knows", advice, meant
    if "integer" in known.kinds and _whole(data) is not None:
        number = _whole(data)
        assert number is not None
        if known.minimum is None or number >= known.minimum:
            return None
        return f"`{name}` is {number:,}", f"it is {known.minimum:,} at least", None
    if isinstance(data, bool):
        good = "boolean" in known.kinds
    else:
        kinds = (("list", list), ("map", dict), ("text", str))
        good = any(isinstance(data, type_) and kind in known.kinds for kind, type_ in kinds)
    if good and isinstance(data, list):
        good = all(isinstance(item, str) for item in data) or name != "skills"
    if good or data == "":
        return None
    wanted = " or ".join(_TAKES[kind] for kind in known.kinds)
    if isinstance(data, str) and known.values:
        wanted = "one of " + ", ".join(known.values)
    return f"`{name}` is {kind_of(data)}, which Claude Code ignores", f"it takes {wanted}", None


def _whole(data: Any) -> int | None:
    """A value as a whole number, which may stand in quotes."""
    if isinstance(data, str) and re.fullmatch(r"\s*[-+]?\d{1,300}\s*", data, re.ASCII):
        return int(data)
    if is_number(data) and data == data and abs(data) != float("inf") and int(data) == data:
        return int(data)
    return None


def _server_problem(item: Any) -> str | None:
    """What is wrong with an entry of `mcpServers`, which the client then drops as a whole."""
    if isinstance(item, str):
        return None if item else "the name of a server is empty"
    if not isinstance(item, dict):
        return f"an entry of `mcpServers` is {kind_of(item)}"
    for name, config in item.items():
        server = f"the server `{shorten(str(name))}`"
        if not isinstance(config, dict):
            return f"{server} is {kind_of(config)}, not a mapping"
        kind = config.get("type", "stdio")
        if not isinstance(kind, str) or kind not in claude_code.SERVER_TYPES:
            types = ", ".join(claude_code.SERVER_TYPES)
            return f"{server} has a type that is none of {types}"
        key = claude_code.SERVER_TYPES[kind]
        value = config.get(key)
        if not isinstance(value, str) or (key == "command" and not value):
            return f"{server} has no `{key}`"
        for option, takes in claude_code.SERVER_OPTIONS.items():
            if option in config and not TAKES[takes](config[option]):
                return f"`{option}` of {server} is not {takes}"
    return None
