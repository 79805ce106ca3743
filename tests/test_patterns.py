"""Patterns that are compiled at their first use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from subwright.patterns import lazy

SOURCE = ROOT / "src/subwright"


def test_a_pattern_answers_as_a_compiled_one() -> None:
    text = "a1 b22, c333"
    late, early = lazy(r"([a-z])(\d+)", re.ASCII), re.compile(r"([a-z])(\d+)", re.ASCII)
    # more than once: the first use is another road
    for _ in range(2):
        for method in ("search", "match", "fullmatch"):
            assert str(getattr(late, method)(text, 3)) == str(getattr(early, method)(text, 3))
        assert [found.span() for found in late.finditer(text, 1)] == [(3, 6), (8, 12)]
        assert late.findall(text) == early.findall(text)
        assert late.sub(r"\2\1", text) == early.sub(r"\2\1", text)
        assert late.subn("", text, 1) == early.subn("", text, 1)
        assert late.split(text) == early.split(text)


def test_a_mistake_shows_at_the_first_use() -> None:
    wrong = lazy("(")
    with pytest.raises(re.error, match="unterminated"):
        wrong.search("")


def test_every_pattern_compiles() -> None:
    users = [path for path in SOURCE.rglob("*.py") if "import lazy" in path.read_text("utf-8")]
    script = f"""
import re
from importlib import import_module
from subwright import patterns
lazy, made = patterns.lazy, 0
def watched(pattern, flags=0):
    global made
    made += 1
    re.compile(pattern, flags)
    return lazy(pattern, flags)
patterns.lazy = watched
for name in {[module_name(path) for path in users]}:
    import_module(name)
print(made)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def module_name(path: Path) -> str:
    parts = ("subwright", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")
