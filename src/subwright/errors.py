"""The errors that a user can cause."""

from __future__ import annotations

from collections.abc import Iterable


class SubwrightError(Exception):
    """An error that a user can cause: it is printed as a message, never as a traceback."""

    exit_status = 2

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The closest of the known words, as a help text, or nothing when none is close.

    Args:
        word: what was written.
        known: what could have been meant.
        cutoff: how alike they must be, from 0 to 1.
    """
    from difflib import get_close_matches

    choices = {choice.lower(): choice for choice in known}
    close = get_close_matches(word.lower(), choices, n=1, cutoff=cutoff)
    return f"did you mean `{choices[close[0]]}`?" if close else None
