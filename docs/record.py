"""Record a terminal session with the real program as an SVG: `python docs/record.py docs/session.svg`.

The lines appear one after the other; where motion is not wanted, all at once. The program is the `subwright` beside the
interpreter that runs this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

AGENT = ".claude/agents/sqlalchemy-specialist.md"
COMPOSE = "services:\n  db:\n    image: postgres:17-alpine\n"
# Each with what is typed, and how long a reader needs for what it prints, in seconds.
SESSION = (
    ("subwright install sqlalchemy-specialist --no-serena", 2.5),
    ("subwright status", 1.5),
    (f"sed -i.bak 's/Read, Write/Raed, Write/' {AGENT}", 0.5),
    ("subwright status", 2.5),
    ("subwright lint", 3.0),
    (f"sed -i.bak 's/Raed/Read/' {AGENT} && subwright lint --strict", 2.0),
)
COLUMNS = 100
TYPING = 0.03  # seconds for a character
FONT, WIDTH, HEIGHT = 14, 8.43, 19  # of a character, in pixels
MARGIN = 16
COLORS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "36": "#56d4dd"}
_STYLE = re.compile(r"\x1b\[([0-9;]*)m")


@dataclass(frozen=True)
class Line:
    """A line of the terminal: its text with the escapes for colours, and when it appears, in seconds."""

    text: str
    at: float


def record(session: Sequence[tuple[str, float]], program: Path) -> list[Line]:
    """Run commands in a new project and keep what a terminal would show.

    Args:
        session: commands, each with the seconds that its output is read.
        program: the folder in which `subwright` stands.

    Raises:
        RuntimeError: a command ended as by a crash.
    """
    environment = {
        "PATH": f"{program}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "FORCE_COLOR": "1",
        "COLUMNS": str(COLUMNS),
        "LANG": "C.UTF-8",
    }
    lines, now = [], 0.5
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ".git").mkdir()
        Path(folder, "compose.yaml").write_text(COMPOSE, encoding="utf-8")
        for command, seconds in session:
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env={**environment, "HOME": folder},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode not in (0, 1):
                raise RuntimeError(f"`{command}` ended with {done.returncode}:\n{done.stdout}")
            lines.append(Line(f"\x1b[32m$\x1b[0m {command}", now))
            now += TYPING * len(command) + 0.3
            lines += [Line(line, now) for line in done.stdout.splitlines()]
            now += seconds
    return lines


def svg(lines: Sequence[Line], title: str) -> str:
    """A recorded session as an SVG that needs nothing else."""
    width = round(COLUMNS * WIDTH + 2 * MARGIN)
    height = len(lines) * HEIGHT + 2 * MARGIN
    rows = "\n".join(
        f'<text y="{MARGIN + HEIGHT * index + FONT}" style="animation-delay:{line.at:.1f}s">{_row(line.text)}</text>'
        for index, line in enumerate(lines)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">
<title>{title}</title>
<style>
text {{ font: {FONT}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3; white-space: pre }}
@media (prefers-reduced-motion: no-preference) {{
  text {{ animation: appear 1ms both }}
  @keyframes appear {{ from {{ opacity: 0 }} }}
}}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>
{rows}
</svg>
"""


def _row(text: str) -> str:
    """A line as spans, each at its column, so that no font can move what stands under something."""
    spans, column = [], 0
    for style, part in _parts(text):
        x = MARGIN + column * WIDTH
        spans.append(f'<tspan x="{x:.1f}"{style}>{escape(part)}</tspan>')
        column += len(part)
    return "".join(spans)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a line with the attributes that they are shown with."""
    fill = weight = ""
    for index, part in enumerate(_STYLE.split(text)):
        if index % 2:
            for code in part.split(";"):
                if code in COLORS:
                    fill = f' fill="{COLORS[code]}"'
                elif code == "1":
                    weight = ' font-weight="bold"'
                elif code in ("", "0"):
                    fill = weight = ""
        elif part:
            yield fill + weight, part


def main() -> None:
    """Write the recording to the file that is named."""
    lines = record(SESSION, Path(sys.executable).parent)
    title = "A terminal session: install an agent, edit it, see its status, lint it"
    Path(sys.argv[1]).write_text(svg(lines, title), encoding="utf-8")


if __name__ == "__main__":
    main()
