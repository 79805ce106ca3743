"""The rendered frontmatter: built as data, written so that the client reads back exactly that data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from subwright.patterns import lazy

if TYPE_CHECKING:
    import yaml

# Plain only where every reader of YAML, 1.1 or 1.2, strict or not, sees this very string.
_PLAIN = lazy(r"[A-Za-z_][\w./@()+-]*(?:,? [\w./@()+-]+)*", re.ASCII)
_RESOLVED = lazy(r"(?:y|n|yes|no|on|off|true|false|null)", re.IGNORECASE)
# A double-quoted string ends at none of these for YAML, but some reader takes them for a line's end or drops them.
_ESCAPED = lazy("[\x85\xa0\u2028\u2029\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069]")
_DASHES = lazy(r"-{3,}")


def serialise(data: Mapping[str, Any]) -> str:
    """The lines between the two `---` for a mapping.

    Strings that need it are double-quoted on one line. The client ends the block at any `---`, in a value too
    (observed on Claude Code 2.1.330), so dashes inside a string are written as escapes.
    """
    import yaml

    text: str = yaml.dump(
        dict(data), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=2**31, indent=2
    )
    text = _DASHES.sub(lambda match: r"\x2d" * len(match[0]), text)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@cache
def _dumper() -> type[yaml.SafeDumper]:
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        plain = _PLAIN.fullmatch(value) and not _RESOLVED.fullmatch(value) and "---" not in value
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')

    Dumper.add_representer(str, string)
    return Dumper
