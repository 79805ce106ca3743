"""`subwright render`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import (
    color_option,
    configured_at,
    is_over,
    library,
    outlines,
    peek,
    progress,
    templates_option,
    warn,
)
from subwright.errors import SubwrightError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from subwright.database import Database
    from subwright.template import Library, Rendered, Template, Value, Variable, Variant
    from subwright.template.outline import Outlines

LIBRARY = "subwright.found"


class Offered(NamedTuple):
    """The databases that a variable may choose, by their names: not all of them are read in every run."""

    databases: Mapping[str, Database]
    names: Sequence[str]

    def all(self) -> list[Database]:
        """These databases."""
        return [self.databases[name] for name in self.names]


class Choosing(click.ParamType[str]):
    """The type of a variable's option: its choices in help and completion; the template itself checks the value."""

    name = "value"

    def __init__(self, variables: Sequence[Variable], offered: Offered) -> None:
        self.variables = variables
        self.offered = offered
        words = (
            c for v in variables for c in (("true", "false") if v.type == "bool" else v.choices)
        )
        self.choices = list(dict.fromkeys(words))

    @property
    def kind(self) -> str:
        """What the values are: a variable's type, of which the first template's counts."""
        return self.variables[0].type

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        return str(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return f"[{'|'.join(self.choices)}]" if self.choices else None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        words = self.choices
        if self.kind in ("version", "driver"):
            words = [
                word
                for database in self._wanted(ctx)
                for word in (
                    [s.version for s in database.series]
                    if self.kind == "version"
                    else [d.name for d in database.drivers]
                )
            ]
        return [
            CompletionItem(word) for word in dict.fromkeys(words) if word.startswith(incomplete)
        ]

    def _wanted(self, ctx: click.Context) -> list[Database]:
        """The database that is chosen already, else all that can be."""
        from subwright.database import find_database

        for param in ctx.command.get_params(ctx):
            if isinstance(param.type, Choosing) and param.type.kind == "database" and param.name:
                wanted = str(ctx.params.get(param.name) or "")
                chosen = find_database(wanted, self.offered.databases)
                if chosen is not None and chosen.name in self.offered.names:
                    return [chosen]
        return self.offered.all()


class VariableOption(click.Option):
    """The option of a variable. Its help is made when it is shown, since it takes the facts of all databases."""

    def __init__(
        self,
        names: Sequence[str],
        variable: Variable,
        offered: Offered,
        **attributes: Any,
    ) -> None:
        self.variable = variable
        self.offered = offered
        super().__init__(names, **attributes)

    @property
    def help(self) -> str | None:
        return _help(self.variable, self.offered)

    @help.setter  # noqa: A003  # the property above, not Python's own `help`
    def help(self, text: str | None) -> None:
        """The base class sets what it was given, which is nothing."""


class RenderCommand(click.Command):
    """A command with an option for every variable that a template declares."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if LIBRARY not in ctx.meta and ctx.parent is not None:
            self.read_templates(ctx.parent, args, (ctx.default_map or {}).get("templates"))
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption:
            # the option may be a variable of a template that could not be read
            found: Library | Outlines | None = ctx.meta.get(LIBRARY)
            for error in found.broken.values() if found else ():
                raise error from None
            raise

    def read_templates(
        self, parent: click.Context, args: Sequence[str], configured: str | None
    ) -> Library | Outlines | None:
        """The templates that give this command its options: nothing where help or completion does without."""
        from pathlib import Path

        given = peek(self, parent, args)
        only_names = parent.resilient_parsing or bool(given.get("help"))
        # an empty name is refused when the option itself is read
        named = given.get("templates", configured) or None
        folder = Path(named) if named else None
        found: Library | Outlines | None = None
        if only_names:
            with suppress(SubwrightError, OSError):
                found = outlines(folder)
        else:
            # who renders all variants of the package's own templates may have edited them
            found = library(folder, checked=True if given.get("everything") else None)
        parent.meta[LIBRARY] = found
        return found

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        found: Library | Outlines | None = ctx.meta.get(LIBRARY)
        if found is None:
            return params
        return [*variable_options(found, params), *params]


def variable_options(
    found: Library | Outlines, params: Sequence[click.Parameter]
) -> list[click.Option]:
    """An option for every variable of the templates whose name is not taken."""
    taken = {name for param in params for name in (*param.opts, *param.secondary_opts)}
    by_name: dict[str, list[Variable]] = {}
    known: Mapping[str, Database] = {}
    names: dict[str, None] = {}
    for template in found.templates.values():
        known = template.databases
        for variable in template.variables.values():
            by_name.setdefault(variable.name, []).append(variable)
            if variable.type == "database":
                names |= dict.fromkeys(c for c in variable.choices if c in known)
    offered = Offered(known, tuple(names))
    options: list[click.Option] = []
    for name, variables in by_name.items():
        first = variables[0]
        words = [first.option]
        # a name that is a switch in one template and takes a value in another takes a value
        if all(v.type == "bool" for v in variables):
            words.append(f"--no-{first.option[2:]}")
        if not taken.isdisjoint(words):
            continue  # `--set` is the way for these
        taken.update(words)
        if len(words) == 2:
            options.append(VariableOption(["/".join(words), name], first, offered, default=None))
        else:
            kind = Choosing(variables, offered)
            metavar = None if kind.choices else first.type.upper()
            options.append(
                VariableOption([first.option, name], first, offered, type=kind, metavar=metavar)
            )
    return options


def _help(variable: Variable, offered: Offered) -> str:
    text = variable.help[:1].upper() + variable.help[1:]
    text = text if text.endswith(".") else text + "."
    if variable.type == "version":
        listing = "; ".join(
            f"{d.title} {', '.join(s.version for s in d.series)}" for d in offered.all()
        )
        return f"{text} A full version is understood too. {listing}.  [default: the newest to be proved]"
    if variable.type == "driver":
        listing = "; ".join(
            f"{d.title} {', '.join(v.name for v in d.drivers)}" for d in offered.all()
        )
        return f"{text} {listing}.  [default: the first]"
    if variable.type == "bool":
        return f"{text}  [default: {variable.option if variable.default else '--no-' + variable.option[2:]}]"
    if variable.default:
        return f"{text}  [default: {variable.default}]"
    return text


class TemplateName(click.ParamType[str]):
    """The name of a template, completed from the folder."""

    name = "template"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found: Library | Outlines | None = ctx.meta.get(LIBRARY)
        if found is None:
            try:
                found = outlines(ctx.params.get("templates"))
            except (SubwrightError, OSError):
                return []
        return [CompletionItem(name) for name in found.templates if name.startswith(incomplete)]


@click.command("render", cls=RenderCommand, short_help="Render agents for one stack.")
@click.argument("names", metavar="[TEMPLATE]...", nargs=-1, type=TemplateName())
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give a variable by its name; works for every variable.",
)
@click.option("--all", "everything", is_flag=True, help="Render every database and series.")
@click.option(
    "--detect", is_flag=True, help="Read database, version and driver from the project's files."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR|-",
    help="Write there: a file if it ends in `.md`, else a folder.  [default: stdout]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Like --check, and show the differences.")
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite files that have other content, and with --all take away what is left over.",
)
@templates_option
@color_option
@click.pass_context
def render_command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    settings: tuple[str, ...],
    everything: bool,
    detect: bool,
    output: str | None,
    check: bool,
    diff: bool,
    force: bool,
    templates: Path | None,
    **variables: Any,
) -> None:
    """Render TEMPLATEs for one stack, or with --all for every one.

    Without TEMPLATE: every template whose variables fit what was given. One goes to stdout, several need a folder.

    \b
    Examples:
      subwright render --database postgresql --version 17
      subwright render --database mysql -o .claude/agents
      subwright render --detect -o .claude/agents
      subwright render --all -o agents --check
    """
    if output == "":
        raise click.UsageError("`-o` is empty: it takes a file, a folder or `-`")
    if detect and everything:
        from click.core import ParameterSource

        if ctx.get_parameter_source("detect") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--detect chooses one stack, and --all has every one")
        detect = False
    to_stdout = output in (None, "-")
    if to_stdout and (everything or check or diff):
        option = "--all" if everything else "--check" if check else "--diff"
        raise click.UsageError(f"{option} needs `-o FILE|DIR`")
    found: Library = ctx.meta[LIBRARY]
    asked = asked_for(ctx, found, variables, settings, everything)
    if detect:
        from subwright.cli import detecting

        asked = detecting.for_render(found, names, asked)
    chosen = chosen_templates(found, names, asked)
    jobs = [(t, v) for t in chosen for v in variants_of(t, asked)]
    rendered = [
        template.render(variant) for template, variant in progress(jobs, len(jobs), "rendering")
    ]
    if not everything:
        warn_of_end_of_life(rendered)
    if to_stdout:
        if len(rendered) > 1:
            listing = ", ".join(agent.template.name for agent in rendered)
            raise SubwrightError(
                f"{len(rendered)} templates fit: {listing}", help="name one, or give `-o DIR`"
            )
        click.echo(rendered[0].text.encode(), nl=False)
        return
    from subwright.cli import writing

    assert output is not None
    wanted = writing.plan(rendered, output, everything)
    # a value narrows what is rendered: what it leaves out is not left over
    whole = everything and not asked.given
    superfluous = writing.left_over(output, wanted, chosen) if whole else []
    writing.carry_out(wanted, superfluous, check=check, diff=diff, force=force)


class Asked(NamedTuple):
    """The values of the command line, those that stand behind them, and whether all variants are wanted.

    `places` says of values behind where they were read, but for those of the configuration, which are known.
    """

    given: Mapping[str, Value]
    configured: Mapping[str, Value]
    everything: bool = False
    places: Mapping[str, str] = {}


def asked_for(
    ctx: click.Context,
    found: Library,
    options: Mapping[str, Value | None],
    settings: Sequence[str],
    everything: bool,
) -> Asked:
    from click.core import ParameterSource

    def is_configured(name: str) -> bool:
        return ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP

    given: dict[str, Value] = {}
    configured: dict[str, Value] = {}
    for name, value in options.items():
        if value is not None:
            (configured if is_configured(name) else given)[name] = value
    by_name = dict(map(setting, settings))
    if not is_configured("settings"):
        for name in by_name:
            if name in given:
                raise click.UsageError(f"`{name}` is given by its option and by --set")
        return Asked({**given, **by_name}, configured, everything)
    known = variable_names(found)
    for name in by_name:
        if name not in known:
            raise unknown_variable(name, known)
    return Asked(given, {**configured, **by_name}, everything)


def setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"`--set {text}` is not of the form NAME=VALUE")
    return name, value


def chosen_templates(found: Library, names: Sequence[str], asked: Asked) -> list[Template]:
    """The templates that are named, or that fit what is given."""
    if names:
        return found.named(names)
    for error in found.broken.values():
        raise error
    fitting = [t for t in found.templates.values() if set(asked.given) <= set(t.variables)]
    if not fitting:
        known = variable_names(found)
        for name in asked.given:
            if name not in known:
                raise unknown_variable(name, known)
        raise SubwrightError(
            "no template has all of " + ", ".join(f"`{name}`" for name in asked.given),
            help="`subwright list templates` shows what each has",
        )
    resolved = []
    errors: list[SubwrightError] = []
    for template in fitting:
        try:
            variants_of(template, asked)
            resolved.append(template)
        except SubwrightError as error:
            errors.append(error)
    if not resolved:
        raise errors[0]
    return resolved


def variable_names(found: Library) -> set[str]:
    return {name for t in found.templates.values() for name in t.variables}


def unknown_variable(name: str, known: set[str]) -> SubwrightError:
    place = configured_at("--set", name)
    return SubwrightError(
        f"{f'{place}: ' if place else ''}no template has a variable `{name}`",
        help=did_you_mean(name, known) or "variables are " + ", ".join(sorted(known)),
    )


def variants_of(template: Template, asked: Asked) -> list[Variant]:
    """What is asked for of a template.

    Raises:
        SubwrightError: a value that it does not take, with `everything` one that fits no variant.
    """
    configured = {n: v for n, v in asked.configured.items() if n in template.variables}
    values = {**configured, **asked.given}
    try:
        if asked.everything:
            return _matrix(template, values, asked)
        return [_resolve(template, values, asked)]
    except SubwrightError as error:
        raise named(template, error, asked.places) from None


def _matrix(template: Template, values: Mapping[str, Value], asked: Asked) -> list[Variant]:
    """The variants of every database and series that the values fit."""
    from subwright.template import VariableError

    def is_of_stack(name: str) -> bool:
        found = template.variables.get(name)
        return found is None or found.type in ("database", "version")

    variants: list[Variant] = []
    misfits: list[VariableError] = []
    drivers: dict[str, None] = {}
    for stack in template.variants({n: v for n, v in values.items() if is_of_stack(n)}):
        own = {name: value for name, value in stack.values.items() if is_of_stack(name)}
        try:
            variants.append(_resolve(template, {**values, **own}, asked))
        except VariableError as error:
            variable = template.variables[error.variable]
            if variable.type != "driver" and variable.when is None:
                raise
            misfits.append(error)
            if stack.stack is not None:
                known = template.databases[stack.stack.name].drivers
                drivers.update(dict.fromkeys(driver.name for driver in known))
    if variants:
        return variants
    first = misfits[0]
    if template.variables[first.variable].type == "driver":
        template.variables[first.variable].choose(str(values[first.variable]), tuple(drivers))
    raise first


def _resolve(template: Template, values: Mapping[str, Value], asked: Asked) -> Variant:
    from subwright.template import VariableError

    try:
        return template.resolve(values)
    except VariableError as error:
        variable = template.variables.get(error.variable)
        other = asked.everything or (template.database and template.database.name in asked.given)
        if variable is None or variable.name in asked.given or not variable.when or not other:
            raise
        # a default for one database says nothing of another, unless it is wrong for all
        variable.parse(values[variable.name], template.databases)
    rest = {name: value for name, value in values.items() if name != variable.name}
    return _resolve(template, rest, asked)


def named(
    template: Template, error: SubwrightError, places: Mapping[str, str] = {}
) -> SubwrightError:
    """An error about a value, with what gives it in front: the option, or the place where it was read."""
    from subwright.template import VariableError

    if not isinstance(error, VariableError) or error.variable not in template.variables:
        return error
    option = template.variables[error.variable].option
    message = error.message if f"`{option}" in error.message else f"{option}: {error.message}"
    place = places.get(error.variable) or configured_at(option, error.variable)
    return SubwrightError(f"{place}: {message}" if place else message, help=error.help)


def warn_of_end_of_life(rendered: Sequence[Rendered]) -> None:
    for stack in {a.variant.name: a.variant.stack for a in rendered if is_over(a)}.values():
        assert stack is not None
        warn(f"{stack.title} {stack.version} is out of support since {stack.eol}")
