"""The recording in the README is what the program prints today."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as Xml

import pytest
from conftest import ROOT

SVG = ROOT / "docs/session.svg"


@pytest.fixture(scope="module")
def record() -> ModuleType:
    """The script that makes it."""
    spec = importlib.util.spec_from_file_location("record", ROOT / "docs/record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["record"] = module
    spec.loader.exec_module(module)
    return module


def test_recording(
    record: ModuleType, snapshot: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["record.py", str(SVG)])
    committed = SVG.read_text(encoding="utf-8") if SVG.exists() else ""
    record.main()
    made = SVG.read_text(encoding="utf-8")
    SVG.write_text(committed, encoding="utf-8")
    snapshot(SVG, made)
    shown = "\n".join(
        "".join(row.itertext()) for row in Xml.fromstring(made).iter() if row.tag.endswith("}text")
    )
    for words in (
        "found version 17: compose.yaml:3",
        "wrote .claude/agents/sqlalchemy-specialist.md",
        ": edited",
        "unknown tool `Raed`",
        "found nothing",
    ):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= record.COLUMNS
    assert "\x1b" not in made
    assert 'src="docs/session.svg"' in (ROOT / "README.md").read_text(encoding="utf-8")


def test_colours_and_columns(record: ModuleType) -> None:
    made = record.svg([record.Line("\x1b[31m\x1b[1ma<\x1b[0m b", 1.0)], "t")
    spans = re.findall(r"<tspan x=\"([\d.]+)\"([^>]*)>([^<]*)<", made)
    assert spans == [
        ("16.0", ' fill="#ff7b72" font-weight="bold"', "a&lt;"),
        (f"{16 + 2 * record.WIDTH:.1f}", "", " b"),
    ]


def test_a_crash_is_no_recording(record: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="`exit 3` ended with 3"):
        record.record([("exit 3", 1.0)], Path("/nowhere"))
