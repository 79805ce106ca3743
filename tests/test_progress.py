"""The bar that a long run shows."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from subwright.cli.common import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "seconds", "shown"), [(True, 0.3, True), (True, 0.01, False), (False, 9.0, False)]
)
def test_bar_from_the_first_second_on(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, seconds: float, shown: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    clock = [0.0]

    def tick() -> float:
        clock[0] += seconds
        return clock[0]

    def items() -> Iterator[int]:
        yield from range(10)

    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("time.monotonic", tick)
    assert list(progress(items(), 10, "rendering")) == list(range(10))
    assert ("rendering" in stream.getvalue()) is shown
    if shown:
        assert "10/10" in stream.getvalue()
