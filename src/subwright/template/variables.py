"""The variables that a template declares, and what a value must be like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright.errors import SubwrightError, did_you_mean

if TYPE_CHECKING:
    from subwright.database import Database
    from subwright.diagnostic import Span

TYPES = ("choice", "bool", "string", "database", "version", "driver")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")

Value = str | bool


class VariableError(SubwrightError):
    """A value that a variable does not take."""

    def __init__(self, variable: str, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.variable = variable


class Variable(NamedTuple):
    """One variable.

    `choices` are those of a choice or a database; `when` is an expression over the other variables: where it is
    false the variable keeps its default; `unavailable` gives the reason why a value that people ask for is no choice.
    """

    name: str
    type: str
    help: str
    span: Span
    default: Value | None = None
    choices: tuple[str, ...] = ()
    when: str | None = None
    unavailable: Mapping[str, str] | None = None

    @property
    def option(self) -> str:
        """The command-line option of the variable."""
        return "--" + self.name.lower().replace("_", "-")

    def parse(self, value: Value, databases: Mapping[str, Database]) -> Value:
        """The value in its canonical form.

        Versions and drivers depend on the database: see `Template.resolve`.

        Raises:
            VariableError: the variable does not take the value.
        """
        if self.type == "bool":
            return self._bool(value)
        if isinstance(value, bool):
            value = "true" if value else "false"
        if self.type == "string":
            return self._line(value)
        if self.type == "database":
            return self._database(value, databases)
        if self.type == "choice":
            return self.choose(value, self.choices)
        return value

    def choose(self, value: str, choices: tuple[str, ...]) -> str:
        """The one of the choices that is meant, whatever its case.

        Raises:
            VariableError: it is none of them.
        """
        for choice in choices:
            if choice.lower() == value.strip().lower():
                return choice
        listing = "choose from " + ", ".join(choices)
        meant = did_you_mean(value, choices)
        raise VariableError(
            self.name,
            f"`{shorten(value)}` is no choice",
            help=f"{meant} {listing}" if meant else listing,
        )

    def _bool(self, value: Value) -> bool:
        if isinstance(value, bool):
            return value
        if value.strip().lower() in _TRUE + _FALSE:
            return value.strip().lower() in _TRUE
        raise VariableError(self.name, f"`{shorten(value)}` is neither true nor false")

    def _line(self, value: str) -> str:
        from subwright.template.syntax import FORBIDDEN

        found = FORBIDDEN.search(value)
        at = min([found.start()] if found else [len(value)], default=0)
        for separator in "\n\r\x85\u2028\u2029":
            position = value.find(separator)
            at = min(at, position) if position >= 0 else at
        if at < len(value):
            code = f"U+{ord(value[at]):04X}"
            raise VariableError(
                self.name,
                f"the value has the character {code} at position {at + 1}",
                help="a value is one line of text without control characters",
            )
        return value

    def _database(self, value: str, databases: Mapping[str, Database]) -> str:
        from subwright.database import find_database

        wanted = value.strip().lower()
        found = find_database(wanted, databases)
        if found and found.name in self.choices:
            return found.name
        for name, reason in (self.unavailable or {}).items():
            if name.lower() == wanted:
                raise VariableError(
                    self.name,
                    f"`{shorten(value)}` cannot be chosen: {reason}",
                    help=self._listing(),
                )
        known = [*self.choices, *(alias for d in databases.values() for alias in d.aliases)]
        meant = did_you_mean(value, known)
        raise VariableError(
            self.name,
            f"`{shorten(value)}` is no choice",
            help=f"{meant} {self._listing()}" if meant else self._listing(),
        )

    def _listing(self) -> str:
        return "choose from " + ", ".join(self.choices)


def shorten(text: str, most: int = 60) -> str:
    """A text that fits into a message: printable, and cut where it is long."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "…"


def declared(name: str, entry: Mapping[str, Any], span: Span) -> Variable:
    """The variable that an entry of `template.variables` declares.

    Raises:
        SubwrightError: the entry does not have the form; the message says how.
    """
    known = ("type", "help", "default", "choices", "when", "unavailable")
    for key in entry:
        if key not in known:
            raise SubwrightError(
                f"unknown key `{key}` of variable `{name}`", help=did_you_mean(str(key), known)
            )
    kind = entry.get("type")
    if kind not in TYPES:
        raise SubwrightError(
            f"variable `{name}` has no type"
            if kind is None
            else f"unknown type `{kind}` of variable `{name}`",
            help="types are " + ", ".join(TYPES),
        )
    if not name.isidentifier() or not name.isascii() or name != name.upper():
        raise SubwrightError(
            f"the name `{name}` is no variable name",
            help="use capitals, digits and `_`, as in `MY_NAME`",
        )
    choices = entry.get("choices", ())
    if kind in ("choice", "database"):
        if (
            not isinstance(choices, list)
            or not choices
            or not all(isinstance(c, str) for c in choices)
        ):
            raise SubwrightError(
                f"variable `{name}` needs `choices`, a list of strings",
                help="quote what YAML reads as a number or as true or false",
            )
    elif choices:
        raise SubwrightError(f"a variable of type `{kind}` has no `choices`: `{name}`")
    unavailable = entry.get("unavailable") or {}
    if not isinstance(unavailable, dict) or not all(
        isinstance(v, str) for v in unavailable.values()
    ):
        raise SubwrightError(
            f"`unavailable` of `{name}` is not a mapping",
            help="write `value: the reason why it is no choice`",
        )
    when = entry.get("when")
    if when is not None and not isinstance(when, str):
        raise SubwrightError(f"`when` of `{name}` is not an expression", help="quote it")
    variable = Variable(
        name=name,
        type=kind,
        help=str(entry.get("help", "")),
        span=span,
        default=entry.get("default"),
        choices=tuple(choices),
        when=when,
        unavailable={str(key): value for key, value in unavailable.items()},
    )
    if not variable.help:
        raise SubwrightError(
            f"variable `{name}` has no `help`", help="say in a few words what it is"
        )
    default = variable.default
    if default is None:
        if kind in ("bool", "choice", "string"):
            raise SubwrightError(f"variable `{name}` has no `default`")
        return variable
    if kind in ("version", "driver"):
        raise SubwrightError(
            f"a variable of type `{kind}` takes its default from the database: `{name}`"
        )
    if kind == "bool" and not isinstance(default, bool):
        raise SubwrightError(f"the default of `{name}` is neither true nor false")
    if kind != "bool" and not isinstance(default, str):
        raise SubwrightError(f"the default of `{name}` is not a string", help="quote it")
    if kind in ("choice", "database") and default not in choices:
        raise SubwrightError(
            f"the default `{default}` of `{name}` is no choice of it",
            help=did_you_mean(str(default), choices) or "choices are " + ", ".join(choices),
        )
    return variable
