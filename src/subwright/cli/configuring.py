"""Make what `[tool.subwright]` says the defaults of options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from subwright.cli.common import VARIABLES, databases, outlines, peek
from subwright.cli.lint import LINT_KEYS
from subwright.cli.render import Choosing, RenderCommand, render_command, variable_options
from subwright.errors import SubwrightError, did_you_mean

if TYPE_CHECKING:
    from subwright.config import Config
    from subwright.template import Library
    from subwright.template.outline import Outlines

# keys that stand in `[tool.subwright]` itself
SHARED = ("templates", "color")
# tables that belong to no command, and keys of a command's table that are none of its options
TABLES = ("contract",)
CONFIGURED = {"lint": LINT_KEYS}


def configure(
    config: Config,
    ctx: click.Context,
    commands: Mapping[str, click.Command],
    command: click.Command,
    args: Sequence[str],
) -> None:
    """Make what stands in `[tool.subwright]` the defaults of a command's options.

    All tables are checked, whatever the command, so that a wrong one shows at once.

    Raises:
        ConfigError: a key that is no option, or a value that its option does not take.
    """
    tables = config.tables([*commands, *TABLES], SHARED)
    defaults: dict[str, dict[str, Any]] = {}
    places: dict[str, dict[str, str]] = {}
    strangers: list[str] = []
    for name, known in commands.items():
        options = _by_key(known.params)
        own = tables.get(name, {})
        values = {key: ("", tables[""][key]) for key in tables[""] if key in options}
        values |= {key: (name, value) for key, value in own.items()}
        more = CONFIGURED.get(name, ())
        others = [key for key in own if key not in options and key not in more]
        if known is render_command:
            strangers = others
        elif others:
            raise _unknown(config, name, others[0], options, more)
        defaults[name] = {}
        places[name] = {}
        for key, (table, value) in values.items():
            if key in options:
                defaults[name][options[key].name or ""] = _value(
                    config, table, key, options[key], value
                )
                places[name][key] = config.where(table, key)
    running = command.name or ""
    folder = defaults[running].get("templates")
    if folder is not None:
        ctx.meta["subwright.templates"] = (folder, places[running]["templates"])
    if folder is None and isinstance(tables[""].get("templates"), str):
        # of a command that has no option for it
        folder = config.absolute(tables[""]["templates"])
    variables: dict[str, tuple[Any, str]] = {}
    for key, option in _variables(config, ctx, command, args, folder, strangers).items():
        name = render_command.name or ""
        value, place = _value(config, name, key, option, tables[name][key]), config.where(name, key)
        variables[option.name or ""] = value, place
        defaults[name][option.name or ""] = value
        places[name][key] = place
    ctx.meta[VARIABLES] = variables
    chosen = defaults[running]
    if "color" in ctx.meta:  # given before the command's name
        chosen.pop("color", None)
    _forget_other_stack(ctx, command, args, chosen)
    ctx.default_map = {running: chosen}
    ctx.meta["subwright.places"] = places[running]


def _by_key(params: Iterable[click.Parameter]) -> dict[str, click.Option]:
    """The options by their long names, which are the keys of the configuration."""
    return {
        name[2:]: param
        for param in params
        if isinstance(param, click.Option)
        for name in param.opts
        if name.startswith("--")
    }


def _variables(
    config: Config,
    ctx: click.Context,
    command: click.Command,
    args: Sequence[str],
    folder: str | None,
    keys: Sequence[str],
) -> dict[str, click.Option]:
    """The options of `render` for the keys that are variables of the templates in use.

    Those of the package's own templates may be there for another run: they mean nothing to other templates.

    Raises:
        ConfigError: a key that is neither.
    """
    if not keys:
        return {}
    name = render_command.name or ""
    params = render_command.params
    found: Library | Outlines | None
    if isinstance(command, RenderCommand):
        found = command.read_templates(ctx, args, folder)
    else:
        given = peek(command, ctx, args).get("templates") or folder
        found = outlines(Path(given) if given else None)
    own = _by_key(variable_options(found, params)) if found else {}
    others: dict[str, click.Option] = {}
    if any(key not in own for key in keys):
        others = _by_key(variable_options(outlines(None), params))
    for key in keys:
        # what a template that cannot be read declares is not known
        if key not in own and key not in others and found and not found.broken:
            raise _unknown(config, name, key, {**others, **own, **_by_key(params)})
    return {key: own[key] for key in keys if key in own}


def _unknown(
    config: Config,
    table: str,
    key: str,
    options: Mapping[str, click.Option],
    more: Iterable[str] = (),
) -> SubwrightError:
    positive = key.removeprefix("no-")
    switch = options.get(positive)
    if switch is not None and f"--{key}" in switch.secondary_opts:
        contrary = "true" if config.table[table][key] is False else "false"
        message = f"`{key}` is an option and no key of {config.title(table)}"
        return config.error(table, key, message, f"write `{positive} = {contrary}`")
    return config.unknown(table, key, [*options, *more])


def _value(config: Config, table: str, key: str, option: click.Option, value: Any) -> Any:
    """The value of a key as its option takes it.

    Raises:
        ConfigError: the option does not take it.
    """

    def wrong(what: str, help: str | None = None) -> SubwrightError:
        return config.error(table, key, f"`{key}` is not {what}", help)

    if option.multiple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise wrong("a list of strings")
        for item in value:
            if option.metavar == "NAME=VALUE" and "=" not in item[1:]:
                raise wrong("a list of NAME=VALUE", f"`{item}` is not of that form")
        return value
    if option.is_flag:
        if not isinstance(value, bool):
            raise wrong("true or false")
        return value
    if isinstance(option.type, click.IntRange):
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong("a whole number")
        try:
            return option.type.convert(value, option, None)
        except click.BadParameter as error:
            raise config.error(table, key, f"`{key}`: {error.message.rstrip('.')}") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        # a whole number says what it says, but 3.40 is 3.4 to TOML
        if isinstance(value, int) and _role(option) == "version":
            return str(value)
        raise wrong("a string", "quote it")
    if not isinstance(value, str):
        raise wrong("a string")
    if isinstance(option.type, click.Choice):
        if value not in option.type.choices:
            listing = "choose from " + ", ".join(option.type.choices)
            meant = did_you_mean(value, option.type.choices)
            advice = f"{meant} {listing}" if meant else listing
            raise config.error(table, key, f"`{key}`: `{value}` is no choice", advice)
        return value
    if not value and not isinstance(option.type, Choosing):
        raise config.error(table, key, f"`{key}` is empty")
    if key in ("templates", "output", "output-file") and value != "-":
        return config.absolute(value)
    return value


def _role(option: click.Option) -> str:
    """What an option chooses: the type of its variable, or its own name where it has none."""
    if isinstance(option.type, Choosing):
        return option.type.kind
    return next((name[2:] for name in option.opts if name.startswith("--")), "")


def _forget_other_stack(
    ctx: click.Context, command: click.Command, args: Sequence[str], defaults: dict[str, Any]
) -> None:
    """Take out the version and driver of another database than the one that the command line chooses."""
    params = command.get_params(click.Context(command, parent=ctx, info_name=command.name))
    options = {_role(p): p.name or "" for p in params if isinstance(p, click.Option)}
    chosen = options.get("database")
    if chosen is None:
        return
    given = peek(command, ctx, args)
    if given.get(options.get("all", "")):
        gone = ["database", "version", "driver"]
    else:
        by_name = dict(text.partition("=")[::2] for text in given.get("settings") or ())
        wanted = given.get(chosen) or by_name.get(chosen.upper())
        configured = defaults.get(chosen)
        if not wanted or not configured or _same_database(str(wanted), str(configured)):
            return
        gone = ["version", "driver"]
    for role in gone:
        defaults.pop(options.get(role, ""), None)


def _same_database(one: str, other: str) -> bool:
    from subwright.database import find_database

    known = databases(None)
    first, second = find_database(one, known), find_database(other, known)
    return first is second if first and second else one.lower() == other.lower()
