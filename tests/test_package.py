"""The built wheel, installed where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(out),
            str(ROOT),
        ],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_the_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2
    assert "subwright/py.typed" in names
    assert "subwright/templates/sqlalchemy-specialist.md" in names
    assert "subwright/templates/databases/postgresql.yaml" in names
    assert "subwright/agents/postgresql-18/sqlalchemy-specialist.md" in names
    odd = [n for n in names if "cache__" in n or "_cache" in n or n.startswith("subwright/tests")]
    assert not odd


def test_installed_wheel_renders_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """The environment is a new one; only the libraries are borrowed, since a test may have no network."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--no-index",
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )
    import click

    libraries = str(Path(click.__file__).parents[1])
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    borrowed = [
        p
        for p in Path(libraries).iterdir()
        if p.name.startswith(
            ("click", "jinja2", "markupsafe", "yaml", "_yaml", "markdown_it", "mdurl")
        )
    ]
    for path in borrowed:
        (Path(site) / path.name).symlink_to(path)
    work = tmp_path / "work"
    work.mkdir()
    script = "import subwright; print(subwright.__file__)"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    place = subprocess.run(
        [str(python), "-c", script],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(home) in place
    command = [
        str(python.parent / "subwright"),
        "render",
        "--database",
        "postgresql",
        "--version",
        "17",
    ]
    result = subprocess.run(
        [*command, "-o", ".claude/agents"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    rendered = work / ".claude" / "agents" / "sqlalchemy-specialist.md"
    committed = ROOT / "agents" / "postgresql-17" / "sqlalchemy-specialist.md"
    assert rendered.read_bytes() == committed.read_bytes()
