"""What a linter in Python cannot be faster than: `python -I limits.py compose|hash FOLDER`."""

import os
import sys


def read(path: str) -> bytes:
    """What is in a file: without a buffer and without pathlib, as neither is part of the limit."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def compose(folder: str) -> None:
    """Give the frontmatter of each file to libyaml."""
    import yaml

    for entry in os.scandir(folder):
        raw = read(entry.path)
        if raw.startswith(b"---\n") and (end := raw.find(b"---", 4)) > 0:
            try:
                yaml.compose(raw[4:end], Loader=yaml.CSafeLoader)
            except yaml.YAMLError:
                continue


def digest(folder: str) -> None:
    """Hash each file, with a function that processors have instructions for."""
    from hashlib import sha256

    for entry in os.scandir(folder):
        sha256(read(entry.path)).digest()


if __name__ == "__main__":
    {"compose": compose, "hash": digest}[sys.argv[1]](sys.argv[2])
