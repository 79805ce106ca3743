"""The committed record of what each rendered agent was proved on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from subwright import files
from subwright.errors import SubwrightError
from subwright.languages import PYTHON
from subwright.prove import Proof
from subwright.template import Rendered

NAME = "PROVED.json"


class RecordError(SubwrightError):
    """A record that cannot be read or written."""


def key(rendered: Rendered) -> str:
    """The name of an agent in the record: its path in the folder of rendered agents."""
    return f"{rendered.variant.name}/{rendered.file_name}".lstrip("/")


def digest(text: str) -> str:
    """The hash by which a record knows the text that was proved."""
    return hashlib.sha256(text.encode()).hexdigest()


def read(folder: Path) -> Mapping[str, Any]:
    """The entries of the record in a folder of rendered agents; none where there is no record.

    Raises:
        RecordError: it is not a record.
    """
    path = folder / NAME
    content = files.read(path)
    if content is None:
        return {}
    try:
        entries = json.loads(content)["agents"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(
            f"`{path}` is no record of proofs", help="make it again with `--record`"
        ) from None
    if not isinstance(entries, dict):
        raise RecordError(f"`{path}` is no record of proofs", help="make it again with `--record`")
    return entries


def write(folder: Path, proofs: Iterable[tuple[Proof, Rendered]]) -> list[str]:
    """Add proofs to the record.

    Left out is what failed, what has a block that nothing is said of, and what is not the text in the folder.

    Returns:
        the keys that were written.
    """
    entries = dict(read(folder))
    written = []
    for proof, rendered in proofs:
        name = key(rendered)
        content = files.read(folder / name)
        told = {result.block for result in proof.results if result.block}
        if proof.failed or len(told) < len(rendered.spec.fences):
            continue
        if content is None or content != rendered.text.encode():
            continue
        entries[name] = entry(proof, rendered)
        written.append(name)
    # what is rendered no longer has no place here
    entries = {name: entries[name] for name in sorted(entries) if (folder / name).is_file()}
    text = json.dumps({"version": 1, "agents": entries}, indent=2) + "\n"
    files.write(folder / NAME, text.encode())
    return written


def entry(proof: Proof, rendered: Rendered) -> dict[str, Any]:
    """What the record says of one proof."""
    tests = [result for result in proof.results if not result.block and result.status == "passed"]
    python = [result for result in proof.results if result.language in PYTHON]
    return {
        "sha256": digest(rendered.text),
        "server": f"{proof.database} {proof.server}".strip(),
        "libraries": proof.libraries,
        "blocks": proof.count("passed", "parsed"),
        "python_run": sum(result.status == "passed" for result in python),
        "python": len(python),
        "tests": len(tests),
        "statements": proof.statements,
    }
