"""What a linter in Python cannot be faster than: `python -I limits.py compose|hash FOLDER`."""

from __future__ import annotations

import os
import sys


def compose(raw: bytes) -> None:
    """Give the frontmatter to libyaml."""
    import yaml

    text = raw.decode(errors="replace")
    if text.startswith("---\n") and (end := text.find("---", 4)) > 0:
        try:
            yaml.compose(text[4:end], Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            return


def digest(raw: bytes) -> None:
    """Hash it."""
    import hashlib

    hashlib.blake2b(raw).digest()


def main() -> None:
    """Do it for all files of a folder."""
    work = {"compose": compose, "hash": digest}[sys.argv[1]]
    for entry in os.scandir(sys.argv[2]):
        with open(entry.path, "rb") as file:  # noqa: PTH123  # pathlib is not part of the limit
            work(file.read())


if __name__ == "__main__":
    main()
