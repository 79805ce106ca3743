"""Regular expressions that are compiled when they are first used, so that a start pays only for those that it needs."""

from __future__ import annotations

import re
from typing import Any, cast

_METHODS = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub", "subn")


class _Pattern:
    """Stands for a pattern that is not compiled yet."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._source = pattern, flags

    def __getattr__(self, name: str) -> Any:
        # only called for what an object does not have
        compiled = re.compile(*self._source)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        # a class with this method is slow to look up what its objects do have
        self.__class__ = _Compiled  # type: ignore[assignment]
        return getattr(compiled, name)


class _Compiled:
    """What a pattern becomes: an object with the methods of the compiled one."""


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern as `re.compile` gives it, but compiled at its first use; it has the methods alone.

    Args:
        pattern: that is known to be right, since a mistake shows late.
        flags: of `re`.
    """
    return cast("re.Pattern[str]", _Pattern(pattern, flags))
