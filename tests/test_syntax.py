"""What is a placeholder, a statement or a comment, and what passes through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subwright.template import Template, TemplateError
from subwright.template.syntax import FORBIDDEN, constructs, prepare, unshield

Make = Callable[..., Template]

NAMED = "NAME: {type: string, default: Ada, help: a name}"

LOOK_ALIKES = [
    "psql <<EOF",
    "psql <<EOF\nSELECT 1;\nEOF",
    "cat <<'SQL' > f",
    "cat <<-EOT | sort",
    "cat <<EOF>>log",
    "tr a b <<<OTHER>>>x",
    "tr a b <<< $x",
    "1 << 3",
    "x = 1<<n>>2",
    "std::cout << a << b >> c;",
    "<<: *defaults",
    "vector<vector<int>>",
    "map<string, vector<pair<int,int>>>",
    "{{ x }}",
    "{% if x %}{# y #}{% endif %}",
    "${{ secrets.TOKEN }}",
    "a <#> b",
    "ORDER BY v <#> '[1,2]' LIMIT 3",
    "a <% b",
    "a <% b AND b %> c",
    "'word' <<% 'text'",
    "LIKE '<%'",
    "LIKE '<%' AND x LIKE '%>'",
    "<%= erb %>",
    "<%! jsp %>",
    "<!-- html -->",
    "<< NOT_A_VARIABLE >>",
    "x<<other>>y",
    "# <<",
    ">>> 1 >> 2",
    "%>",
    "#>",
]


@pytest.mark.parametrize("text", LOOK_ALIKES)
@pytest.mark.parametrize(
    "frame", ["{}", "<<NAME>> {}", "{} <<NAME>>", "<% if NAME %>{}<% endif %>"]
)
def test_look_alike_passes_through(make_template: Make, text: str, frame: str) -> None:
    template = make_template(f"{frame.replace('{}', text)}\n\n<<NAME>>\n", NAMED)
    rendered = template.render(template.resolve({}))
    start = rendered.spec.body.start
    expected = (
        frame.replace("<% if NAME %>", "").replace("<% endif %>", "").replace("<<NAME>>", "Ada")
    )
    assert rendered.text[start:] == f"{expected.replace('{}', text)}\n\nAda\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<<NAME>>", "Ada"),
        ("(<<NAME>>)", "(Ada)"),
        ("<b><<NAME>></b>", "<b>Ada</b>"),
        ("`<<NAME|upper>>`", "`ADA`"),
        ("<<NAME | lower>>, <<NAME>>", "ada, Ada"),
        ("<<NAME.upper()>>", "ADA"),
        ("<<NAME[0]>>", "A"),
        ('<<NAME|replace("A", "O")>>', "Oda"),
        ("<% if NAME == 'Ada' %>yes<% else %>no<% endif %>", "yes"),
        ("a<# not shown #>b", "ab"),
        ("a\n<# on its own\nlines #>\nb", "a\nb"),
        ("- a<% if NAME %> b<% endif %>\n- c", "- a b\n- c"),
        ("    <% if NAME %>b<% endif %>\nc", "    b\nc"),
        ("a <# why #>\nb", "a \nb"),
        ("<% if NAME %><# why #>\nb\n<% endif %>\nc", "b\nc"),
        ("<% raw %>\n1 <<NAME>>\n<% endraw %>\nc", "1 <<NAME>>\nc"),
        ("a\n  <% if NAME %>\n  b\n  <% endif %>\nc", "a\n  b\nc"),
        ("a <%- if NAME -%> b <%- endif %> c", "ab c"),
        (
            "<% raw %>cat <<EOF>> log <<NAME>> <% if %><% endraw %>",
            "cat <<EOF>> log <<NAME>> <% if %>",
        ),
        ("<% for x in [1, 2] %>\n- <<x>> << 1\n<% endfor %>", "- 1 << 1\n- 2 << 1\n"),
        ("<% set x %>1 << 2<% endset %><<x>>", "1 << 2"),
        ("<% set x %>a\nb<% endset %><<x|length>>", "3"),
        ("<% filter upper %>\n  a <<NAME>>\n<% endfilter %>", "  A ADA\n"),
    ],
)
def test_construct(make_template: Make, text: str, expected: str) -> None:
    template = make_template(f"{text}\n<<NAME>>", NAMED)
    rendered = template.render(template.resolve({}))
    assert rendered.text[rendered.spec.body.start :].removesuffix("\nAda") in (
        expected,
        expected.removesuffix("\n"),
    )


@pytest.mark.parametrize(
    ("text", "column", "help"),
    [
        ("x<<NAME>>", 2, "does not touch a word character"),
        ("<<NAME>>x", 1, "does not touch a word character"),
        ("a << NAME >>", 3, "without blanks inside: `<<NAME>>`"),
        ("<<NAME>", 1, "closes with two"),
        ("<%if NAME %>", 1, "with blanks inside"),
        ("<% iff NAME %>", 1, "did you mean `if`?"),
        ("<% if NAME", 1, "is never closed"),
        ("<# a remark", 1, "is never closed"),
    ],
)
def test_near_miss(make_template: Make, text: str, column: int, help: str) -> None:
    with pytest.raises(TemplateError) as caught:
        make_template(f"<<NAME>>\n{text}\n", NAMED)
    (found,) = caught.value.diagnostics
    assert help in f"{found.message} {found.help}"
    assert found.position == (found.source.text.count("\n", 0, found.span.start) + 1, column)
    assert found.source.line(found.position.line) == text


def test_unclosed_raw_is_reported_where_it_opens(make_template: Make) -> None:
    with pytest.raises(TemplateError) as caught:
        make_template("<<NAME>>\n\n<% raw %>\ntext\n", NAMED)
    (found,) = caught.value.diagnostics
    assert found.source.line(found.position.line) == "<% raw %>"
    assert "never closed" in found.message


pieces = st.sampled_from(
    ["<", ">", "%", "#", " ", "NAME", "if", "raw", "endraw", "'", "\n", "x", "<<", ">>"]
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_preparing_keeps_lines_and_constructs(text: str) -> None:
    prepared = prepare(text)
    assert prepared.count("\n") == text.count("\n")
    kinds = [c.kind for c in constructs(text) if "raw" not in c.kind]
    assert [c.kind for c in constructs(prepared) if c.kind != "comment"] == [
        kind for kind in kinds if kind != "comment"
    ]


@given(st.text())
def test_text_without_constructs_is_only_shielded(text: str) -> None:
    if not FORBIDDEN.search(text):
        assert unshield(prepare(text)) == text
