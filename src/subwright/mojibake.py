"""Text that was UTF-8, was read in another encoding, and was saved like that."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from subwright.diagnostic import Span
from subwright.patterns import lazy

# The encodings that UTF-8 is commonly mistaken for, as a message calls them.
ENCODINGS = {"mac_roman": "Mac Roman", "cp1252": "Windows-1252", "latin-1": "Latin-1"}

# Pairs of characters that good text has too: roots, cubic ångströms, a letter before a quotation mark or a dash.
_MEANT = lazy("[√¬≈ƒ][∞±≤≥∂∑∏π∫Ω≠∆≈√]|Å[¹²³]|.[\u00a0«»‘’‚“”„†‡•…–—™‹›€]")
_LETTERS = lazy("[\u00a0-\u024f]")
_SIGNS = lazy(
    "[\u2000-\u2bff\u3000-\u303f\ufe0f\ufeff\uff00-\uffef\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_SCRIPTS = lazy(
    "[\u0370-\u03ff\u0400-\u04ff]{3,}|[\u05d0-\u05ea]{3,}|[\u0621-\u064a]{3,}|[\u0e01-\u0e5b]{2,}"
    "|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u3000-\u303f\uff00-\uffef]{2,}"
)


class Run(NamedTuple):
    """Characters that are mojibake, the encoding that made them so, and the text that they were."""

    span: Span
    encoding: str
    text: str


def runs(text: str, characters: str) -> list[Run]:
    """The runs of mojibake in a text, in its order.

    A run is as long as its characters are the bytes of UTF-8. Where what they stand for is no likely text, or where
    the characters make sense as they are, it is left out; of those that could be either, only where others of the same
    encoding are beyond doubt.

    Args:
        text: the text.
        characters: those that are in it, at least all that are not ASCII.
    """
    found: list[Run] = []
    for encoding in ENCODINGS if characters else ():
        first, other = _ends(encoding)
        if first.isdisjoint(characters) or other.isdisjoint(characters):
            continue
        pattern = _pattern(encoding)
        own: list[Run] = []
        certain = False
        for match in pattern.finditer(text):
            run = Run(Span(*match.span()), encoding, _bytes(match[0], encoding).decode("utf-8"))
            if _is_likely(run.text):
                own.append(run)
                certain = certain or _is_certain(match[0], run.text)
        found += own if certain else []
    kept: list[Run] = []
    # what two encodings agree on is one run: the longer one
    for run in sorted(found, key=lambda run: (run.span.start, -run.span.end)):
        if not kept or run.span.start >= kept[-1].span.end:
            kept.append(run)
    return kept


def _is_likely(text: str) -> bool:
    return not _SIGNS.sub("", _LETTERS.sub("", _SCRIPTS.sub("", text)))


def _is_certain(written: str, text: str) -> bool:
    """Whether nobody could mean what is written."""
    pairs = (written[at : at + 2] for at in range(0, len(written), 2))
    return any(len(c.encode()) > 2 for c in text) or not all(map(_MEANT.fullmatch, pairs))


@cache
def _ends(encoding: str) -> tuple[frozenset[str], frozenset[str]]:
    """Of an encoding's characters: those that begin a UTF-8 sequence, and those that go on with it."""
    first, other = range(0xC2, 0xF5), range(0x80, 0xC0)
    return (
        frozenset(_character(byte, encoding) for byte in first),
        frozenset(_character(byte, encoding) for byte in other),
    )


@cache
def _pattern(encoding: str) -> re.Pattern[str]:
    """UTF-8 sequences written in an encoding's characters."""

    def some(*parts: range) -> str:
        characters = (_character(byte, encoding) for part in parts for byte in part)
        return f"[{''.join(map(re.escape, characters))}]"

    # a large class takes long to compile: each stands there as seldom as can be
    other = some(range(0x80, 0xC0))
    of_two = some(range(0xC2, 0xE0))
    of_three = (
        f"{some(range(0xE0, 0xE1))}(?={some(range(0xA0, 0xC0))})"
        f"|{some(range(0xED, 0xEE))}(?={some(range(0x80, 0xA0))})"  # and no surrogates
        f"|{some(range(0xE1, 0xED), range(0xEE, 0xF0))}"
    )
    of_four = (
        f"{some(range(0xF0, 0xF1))}(?={some(range(0x90, 0xC0))})"
        f"|{some(range(0xF4, 0xF5))}(?={some(range(0x80, 0x90))})"
        f"|{some(range(0xF1, 0xF4))}"
    )
    return re.compile(f"(?:(?:{of_two}|(?:{of_three}|(?:{of_four}){other}){other}){other})+")


def _character(byte: int, encoding: str) -> str:
    try:
        return bytes((byte,)).decode(encoding)
    except UnicodeDecodeError:  # five bytes of Windows-1252, which programs let through
        return chr(byte)


def _bytes(text: str, encoding: str) -> bytes:
    return b"".join(bytes((ord(c),)) if "\x80" <= c <= "\x9f" else c.encode(encoding) for c in text)
