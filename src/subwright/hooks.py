"""What Claude Code makes of an agent's `hooks`: entries that it drops, and such that keep the agent from loading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from subwright.claude_code import GUARDING_EVENTS, HOOK_EVENTS, HOOK_OPTIONS, HOOK_TYPES
from subwright.errors import did_you_mean
from subwright.patterns import lazy

Path: TypeAlias = tuple[str | int, ...]

# Keys of the frontmatter in which the client does not look for hooks that stand in the wrong place.
_UNSEARCHED = frozenset({"metadata", "mcpServers", "lspServers"})
_DEEPEST = 3

_URL = lazy(r"(?!https?:/*$)[A-Za-z][A-Za-z0-9+.-]*:.+")
TAKES: Mapping[str, Callable[[Any], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "a URL": lambda value: isinstance(value, str) and bool(_URL.match(value)),
    "a number above 0": lambda value: is_number(value) and value > 0,
    "true or false": lambda value: isinstance(value, bool),
    "a list": lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "a mapping": lambda value: isinstance(value, dict),
    "a mapping of texts": lambda value: (
        isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    ),
    "`bash` or `powershell`": lambda value: value in ("bash", "powershell"),
}


class HookProblem(NamedTuple):
    """One wrong entry.

    Attributes:
        path: of keys and indices to it, from `hooks` on.
        message: what is wrong.
        help: what to do about it.
        stops: the agent does not load; else the entry is dropped, and only the debug log says so.
    """

    path: Path
    message: str
    help: str | None = None
    stops: bool = False


def hook_problems(hooks: Any) -> Iterator[HookProblem]:
    """What is wrong with a value of `hooks` (observed on Claude Code 2.1.330).

    Args:
        hooks: the value, as plain data; what is false in JavaScript is as if it were not there.
    """
    if not hooks and not isinstance(hooks, list | dict):
        return
    usage = "write events, each with a list of `{matcher, hooks: [{type, …}]}`"
    if not isinstance(hooks, dict):
        yield HookProblem((), f"`hooks` is {kind_of(hooks)}, not a mapping", usage, stops=True)
        return
    if _is_matcher(hooks):
        yield HookProblem((), "`hooks` is a single matcher, without its event", usage, stops=True)
        return
    for event, matchers in hooks.items():
        guards = event in GUARDING_EVENTS
        if event not in HOOK_EVENTS:
            inner = _holds_guards(matchers, loose=not isinstance(matchers, list))
            advice = did_you_mean(event, HOOK_EVENTS) or "an event is one such as `PreToolUse`"
            yield HookProblem((event,), f"`{event[:60]}` is no hook event", advice, inner)
        elif not isinstance(matchers, list):
            message = f"`{event}` is {kind_of(matchers)}, not a list"
            # nothing is guarded by what is not there
            stops = (guards and matchers is not None) or _holds_guards(matchers)
            yield HookProblem((event,), message, usage, stops)
        else:
            for index, matcher in enumerate(matchers):
                yield from _matcher((event, index), matcher, guards)


def stray_guards(fields: Mapping[str, Any]) -> Iterator[str]:
    """The fields beside `hooks` that hold hooks of guarding events, which keep the agent from loading."""
    for name, value in fields.items():
        if name in GUARDING_EVENTS:
            if value is not None and value != []:
                yield name
        elif name == "hooks" or name in _UNSEARCHED:
            continue
        elif not isinstance(value, str) and _holds_guards(
            value, loose=name not in HOOK_EVENTS, unsearched=_UNSEARCHED
        ):
            yield name


def _holds_guards(
    value: Any,
    depth: int = _DEEPEST,
    *,
    loose: bool = False,
    unsearched: frozenset[str] = frozenset(),
    listed: bool = False,
) -> bool:
    """Whether a value holds what the client takes for hooks of a guarding event.

    Args:
        value: of any kind.
        depth: how many levels down to look.
        loose: what looks like a matcher counts too.
        unsearched: keys not to look into.
        listed: it stands in a list `hooks`.
    """
    if isinstance(value, list):
        return depth > 0 and any(
            _holds_guards(item, depth - 1, loose=loose, unsearched=unsearched, listed=listed)
            for item in value
        )
    if not isinstance(value, dict):
        return False
    if any(value.get(event) not in (None, []) for event in GUARDING_EVENTS):
        return True
    if loose and _is_matcher(value):
        return True
    if depth == 0 or (listed and isinstance(value.get("type"), str)):
        return False
    return any(
        _holds_guards(
            item,
            depth - 1,
            loose=loose and key not in HOOK_EVENTS,
            unsearched=unsearched,
            listed=key == "hooks" and isinstance(item, list),
        )
        for key, item in value.items()
        if key not in unsearched
    )


def _is_matcher(value: Any) -> bool:
    """Whether the client takes a value for `{matcher, hooks: […]}`."""
    if not isinstance(value, dict) or ("matcher" not in value and HOOK_EVENTS & value.keys()):
        return False
    inner = value.get("hooks")
    if isinstance(inner, list):
        return bool(inner)
    return isinstance(inner, dict) and ("matcher" in value or isinstance(inner.get("type"), str))


def _matcher(path: Path, matcher: Any, guards: bool) -> Iterator[HookProblem]:
    if _holds_guards(matcher):
        message = "hooks of `PreToolUse` or `PermissionRequest` stand where a matcher is expected"
        yield HookProblem(path, message, "move the event up, right under `hooks:`", stops=True)
        return
    if not isinstance(matcher, dict):
        message = f"an entry of `{path[0]}` is {kind_of(matcher)}, not a mapping"
        yield HookProblem(path, message, "write `{matcher, hooks: [{type, …}]}`", guards)
        return
    entries = matcher.get("hooks")
    if not isinstance(entries, list):
        what = f"is {kind_of(entries)}" if "hooks" in matcher else "is missing"
        message = f"the list `hooks` inside of an entry of `{path[0]}` {what}"
        yield HookProblem(path, message, "put what to run under `hooks:`, as a list", guards)
        return
    if "matcher" in matcher and not isinstance(matcher["matcher"], str):
        message = f"`matcher` is {kind_of(matcher['matcher'])}, not a text"
        yield HookProblem((*path, "matcher"), message, "quote it, or leave it out", guards)
        return
    for index, entry in enumerate(entries):
        problem = _entry((*path, "hooks", index), entry, guards)
        if problem:
            yield problem


def _entry(path: Path, entry: Any, guards: bool) -> HookProblem | None:
    if not isinstance(entry, dict):
        return HookProblem(
            path, f"a hook is {kind_of(entry)}, not a mapping", "write `type: …`", guards
        )
    kind = entry.get("type")
    known = ", ".join(f"`{name}`" for name in HOOK_TYPES)
    if not isinstance(kind, str):
        what = f"`type` of a hook is {kind_of(kind)}" if "type" in entry else "a hook has no `type`"
        return HookProblem(path, what, f"it is one of {known}", guards)
    if kind not in HOOK_TYPES:
        advice = did_you_mean(kind, HOOK_TYPES) or f"it is one of {known}"
        return HookProblem((*path, "type"), f"`{kind[:60]}` is no type of hook", advice, guards)
    for key in HOOK_TYPES[kind]:
        if key not in entry:
            return HookProblem(path, f"a `{kind}` hook has no `{key}`", f"add `{key}:`", guards)
    takes = HOOK_TYPES[kind] | HOOK_OPTIONS[""] | HOOK_OPTIONS[kind]
    for key, value in entry.items():
        if key in takes and not TAKES[takes[key]](value):
            message = f"`{key}` of a `{kind}` hook is not {takes[key]}"
            return HookProblem((*path, key), message, None, guards)
    return None


def kind_of(value: Any) -> str:
    """What a value is, in words, as YAML and JavaScript know it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "a text"


def is_number(value: Any) -> bool:
    """Whether a value is a number for JavaScript, which `true` is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
