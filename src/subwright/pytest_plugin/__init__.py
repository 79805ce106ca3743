"""`pytest --subwright`: every agent file is a test, which fails with what `subwright lint` finds in it."""

import pytest

# every run of pytest imports this module where subwright is installed, and all else only with `--subwright`
NAME = "subwright"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(NAME, "agent files of Claude Code")
    group.addoption(
        "--subwright",
        action="extend",
        nargs="*",
        metavar="PATH",
        help="lint agent files, each as a test: these files and folders, else those of `subwright_paths`, else what"
        " `subwright lint` takes; write paths of tests before it",
    )
    group.addoption(
        "--subwright-strict",
        action="store_true",
        help="let warnings fail too, as `strict` in the configuration of `subwright lint` does",
    )
    parser.addini("subwright_paths", "agent files and folders for `--subwright`", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{NAME}: an agent file, of `pytest --subwright`")
    given: list[str] | None = config.getoption("--subwright")
    if given is None:
        return
    from subwright.pytest_plugin.run import start

    start(config, given)
