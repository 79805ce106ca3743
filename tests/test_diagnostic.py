"""Places in a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from subwright.diagnostic import FEW, Source


@given(st.text("ab\r\n\u2028é", max_size=40), st.data())
def test_a_place_is_the_same_however_often_places_are_asked_for(
    text: str, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, len(text)))
    source = Source("x", text)
    # only a line feed ends a line
    before = text[:offset].split("\n")
    for _ in range(FEW + 2):
        assert source.position(offset) == (len(before), len(before[-1]) + 1)
    line = text.split("\n")[len(before) - 1]
    start, end = source.line_span(len(before))
    assert start == offset - len(before[-1])
    assert text[start:end] == line.removesuffix("\r")
    assert source.line_at(offset) == (start, end)
