"""Whether an example can be read in its language, once what its author left out of it is taken for granted.

An author shortens an example with `...`, shows a part of a file, writes `<name>` for what a reader has to fill in, or
shows two ways to write a thing. None of that is wrong, though no parser takes it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from subwright import languages
from subwright.languages import PYTHON, Problem, Reader, python_error, said, without_comments
from subwright.patterns import lazy

_TEMPLATE = lazy(r"\{%-? ?\w|\{\{-? ?[\w.|$ ]+ ?-?\}\}|\{\{[-#/]|<%|<<[A-Z]")
_PLACEHOLDER = lazy(r"<[A-Za-z][\w .'/-]*>")
_DOTS = r"(?:\.\.\.|…)"
_LAST_DOTS = lazy(rf"(?:,|(?<![\s,]))(\s*+){_DOTS}(\s*+)(?=[)\]}}])")

_TRANSCRIPT = lazy(r"^\s*(?:>>> |In \[\d+\]:|Traceback \(most recent)", re.MULTILINE)
_FIRST_DOTS = lazy(rf"(?<=[(\[{{,])(\s*+){_DOTS}\s*+(?:,|(?=[)\]}}]))")
_MAGIC = lazy(r"^([ \t]*)[%!][a-z].*", re.MULTILINE)
_WORDS = lazy(r"[ \t]*(?=[^\s#])")
_EMPTY_BLOCK = lazy(r"expected an indented block after .* on line (\d+)")
_MOST_EMPTY_BLOCKS = 20
# Syntax that a later Python brought: the version, and how a line looks that has it.
_LATER = (
    ((3, 12), lazy(r"\s*type\s+\w+.*=|\s*(?:async\s+)?(?:def|class)\s+\w+\[")),
    ((3, 12), lazy(r""".*\b[rR]?[fF][rR]?(["']).*\{[^{}]*\1""")),
    ((3, 14), lazy(r""".*\b[rR]?[tT][rR]?["']|\s*except\*?\s+[\w.]+\s*,""")),
)

_LEFT_OUT = "\ue000"
_STRING = r'"(?:\\.|[^"\\\n])*+"?'
_JSON = lazy(
    rf"""
      (?P<union> (?:{_STRING}|(?<!\w)\w++) (?:\s*+\|\s*+(?:{_STRING}|\w++))++ )
    | "<[^<>"\n]++>"(?=\s*\}})  # some fields or other
    | (?P<string> {_STRING} )
    | {_DOTS}
    | (?P<colon> :\s*+ ) (?:
          (?!(?:true|false|null|undefined|True|False|None|NaN)\b) [A-Za-z][\w ./()-]*+ (?=\s*[,\n\]}}]|$)  # a type
        | \d[\d.]*+[ ]?[-–][ ]?\d[\d.]*+  # a range
        | \$?\{{[\w ./:-]++\}} | \[[A-Za-z][\w -]*+\]  # a placeholder
      )
    | (?P<placeholder> <[^<>"\n]++> )
    | (?P<comment> \#[^\n]*+ )
    """,
    re.VERBOSE,
)
_JSON_SPACE = lazy(r"[\s,]*")


def problem(language: str, code: str) -> Problem | None:
    """What keeps an example from being read in its language; nothing of a language that is not known.

    Transcripts and templates of code are let be. So is Python that is newer than the one that runs this, as far as it
    can be told by the look of a line.

    Raises:
        RecursionError, MemoryError: it is nested deeper than can be followed.
    """
    if languages.problem(language, code) is None or _TEMPLATE.search(code):
        return None
    found = _READERS[language](code)
    return found and found._replace(line=min(found.line, max(code.count("\n") - 1, 0)))


def _python(code: str) -> Problem | None:
    if _TRANSCRIPT.search(code):
        return None
    own = _PLACEHOLDER.sub("placeholder", code)
    own = _LAST_DOTS.sub(r"\1\2", _FIRST_DOTS.sub(r"\1", own))
    own = _MAGIC.sub(r"\1pass", own.replace("…", "..."))
    found = _python_part(own)
    whole = found and any(
        languages.problem("python", other) is None for other in _python_wholes(own)
    )
    return None if whole else found


def _python_part(code: str) -> Problem | None:
    """What is wrong with a code that may begin in the midst of a block, and in which a comment may be a block."""
    lines = code.split("\n")
    before = 0
    first = next((line for line in lines if _WORDS.match(line)), "")
    if first[:1] in (" ", "\t"):
        lines.insert(0, "if True:")
        before = 1
    for _ in range(_MOST_EMPTY_BLOCKS):
        error = python_error("\n".join(lines))
        if error is None:
            break
        if isinstance(error, IndentationError) and _fill(lines, error.msg):
            continue
        line = (getattr(error, "lineno", None) or 1) - 1
        if _is_later(lines[max(line - 1, 0) : line + 1]):
            return None
        message = f"not Python: {said(getattr(error, 'msg', error))}"
        return Problem(max(line - before, 0), message)
    return None


def _fill(lines: list[str], message: str) -> bool:
    """Put a statement in place of the comment that is all that an example shows of a block."""
    found = _EMPTY_BLOCK.fullmatch(message)
    if found is None:
        return False
    head = int(found[1]) - 1
    for index in range(head + 1, len(lines)):
        words = lines[index].lstrip()
        if words.startswith("#"):
            before = lines[head]
            lines[index] = f"{before[: len(before) - len(before.lstrip())]}    pass"
            return True
        if words:
            return False
    return False


def _is_later(lines: list[str]) -> bool:
    """Whether lines that cannot be read look like Python of a version later than the one that runs."""
    return any(
        sys.version_info < version and pattern.match(line[:300])
        for version, pattern in _LATER
        for line in lines
    )


def _python_wholes(part: str) -> Iterator[str]:
    """What a code may be a part of: a decorated function, a signature, the inside of a dictionary."""
    if "@" in part or "\\" in part:  # a function after anything else is one by itself
        yield f"{part}\ndef _(): pass"
    if re.match(r"[\w.]+\(", part):
        yield f"def _{part[part.index('(') :].rstrip()}: pass"
    yield f"{{{part}}}"


def _json(code: str) -> Problem | None:
    own = _JSON.sub(_plain_json, without_comments(code))
    if _LEFT_OUT in own:
        own = re.sub(rf":(\s*){_LEFT_OUT}", r":\1null", own)
        own = re.sub(rf"(?:,|(?<![\s,]))(\s*+){_LEFT_OUT}(\s*+),?(?=\s*[\]}}])", r"\1\2", own)
        own = re.sub(rf"{_LEFT_OUT}\s*,?", "", own)
    own = re.sub(r",(\s*[\]}])", r"\1", own)
    found = _json_values(own)
    if found and re.match(rf"\s*{_STRING}\s*:", own):
        # the inside of an object, or several ways to write it
        inside = re.sub(r'(?<=[\w"\]}])([ \t]*+\n)(?=\s*+")', r",\1", own.rstrip().rstrip(","))
        found = _json_values(f"{{{inside}}}")
    return found


def _plain_json(found: re.Match[str]) -> str:
    if found["string"]:
        return found[0]
    if found["colon"] or found["union"] or found["placeholder"]:
        return f"{found['colon'] or ''}null"
    return "" if found["comment"] else _LEFT_OUT


def _json_values(text: str) -> Problem | None:
    """What is wrong with one or more JSON values that follow each other."""
    import json

    decoder = json.JSONDecoder()
    at = 0
    while (at := _end(_JSON_SPACE.match(text, at))) < len(text):
        try:
            _, at = decoder.raw_decode(text, at)
        except ValueError as error:
            line = getattr(error, "lineno", 1) - 1
            return Problem(line, f"not JSON: {said(getattr(error, 'msg', error))}")
    return None


def _end(found: re.Match[str] | None) -> int:
    assert found is not None
    return found.end()


def _yaml(code: str) -> Problem | None:
    parts = re.split(r"^---[ \t]*$", code, maxsplit=2, flags=re.MULTILINE)
    # what follows the frontmatter of an agent or a page is not YAML
    own = parts[1] if len(parts) > 2 and not parts[0].strip() else code
    before = 0 if own is code else parts[0].count("\n")
    own = re.sub(rf"^([ \t]*)(?:- )?{_DOTS}.*$", r"\1", own, flags=re.MULTILINE)
    found = languages.problem("yaml", own)
    return found and found._replace(line=found.line + before)


def _toml(code: str) -> Problem | None:
    own = _PLACEHOLDER.sub("placeholder", code)
    own = re.sub(rf"^[ \t]*{_DOTS}.*$", "", own, flags=re.MULTILINE)
    own = re.sub(rf"=\s*{_DOTS}", '= ""', _LAST_DOTS.sub(r"\1\2", own))
    found = languages.problem("toml", own)
    # what is there twice are two ways to write it
    return None if found and re.search("twice|overwrite|mutate", found.message) else found


_READERS: dict[str, Reader] = {
    **dict.fromkeys(PYTHON, _python),
    **dict.fromkeys(("json", "jsonc"), _json),
    **dict.fromkeys(("yaml", "yml"), _yaml),
    "toml": _toml,
}
