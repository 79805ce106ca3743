"""Templates: variables, variants, line maps, what is refused and where."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from subwright import data
from subwright.contract import ContractError
from subwright.database import load as load_databases
from subwright.diagnostic import DiagnosticError, Span
from subwright.errors import SubwrightError
from subwright.output.frames import frames
from subwright.template import Template, TemplateError, VariableError, load, load_all
from subwright.template.frontmatter import serialise
from subwright.template.outline import Outline, outlines
from subwright.template.syntax import constructs, prepare

Make = Callable[..., Template]
NAMED = "NAME: {type: string, default: Ada, help: a name}"
CASES = ROOT / "tests" / "data" / "template_errors"
DATABASES = load_databases(data.folder("templates") / "databases")

DATABASE = """\
DATABASE: {type: database, choices: [postgresql, mysql, sqlite], help: the database}
VERSION: {type: version, help: its version}
DRIVER: {type: driver, help: the driver}
"""


@pytest.mark.parametrize("path", sorted(CASES.glob("*.md")), ids=lambda p: p.stem)
def test_error_names_file_line_and_remedy(
    path: Path, snapshot: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file breaks one rule; the report beside it is what its author sees."""
    import click

    monkeypatch.chdir(CASES)

    def render_all() -> None:
        template = load(path, DATABASES)
        for variant in template.variants({}):
            template.render(variant)

    with pytest.raises(SubwrightError) as caught:
        render_all()
    error = caught.value
    report = frames(error.diagnostics) if isinstance(error, DiagnosticError) else error.message
    snapshot(path.with_suffix(".out"), click.unstyle(report) + "\n")


GOOD = [
    ("<% if not KIND == 'two' %>x<% endif %><<KIND>>", "KIND"),
    ("<% set two = KIND == 'two' %><% if two %>x<% else %>y<% endif %>", "KIND"),
    ("<% set t = {'one': 1, 'two': 2} %><<t[KIND]>> <% if KIND == 'two' %>x<% endif %>", "KIND"),
    ("<% if KIND in 'one, two' %>x<% endif %>", "KIND"),
    ("<% if KIND != 'two' %>x<% endif %>", "KIND"),
    ("<% if KIND == 'one' %>x<% elif KIND == 'two' %>y<% else %>z<% endif %>", "KIND"),
    ("<<VERSION>>", "DATABASE"),
    ("<<NAME>> <% end %> <% forEach(x) { %> <%= x %> LIKE '<%form%>' psql <<NAMES > out", "NAME"),
    ("<<NAME>><% include 'missing.md' ignore missing %>", "NAME"),
    ("<<NAME>>\n\n## One\n\n## One\n", "NAME"),
]
DECLARED = {
    "NAME": NAMED,
    "KIND": "KIND: {type: choice, choices: [one, two, three], default: one, help: h}",
    "DATABASE": "DATABASE: {type: database, choices: [postgresql], help: h}\n"
    "VERSION: {type: version, help: h}",
}


@pytest.mark.parametrize(("body", "variables"), GOOD)
def test_good_template_is_not_complained_of(make_template: Make, body: str, variables: str) -> None:
    template = make_template(body, DECLARED[variables], databases=DATABASES)
    for variant in template.variants({}):
        assert template.render(variant).text


@pytest.mark.parametrize("name", ["a---b", "x\ny", "-a", "a b", "x\x1b"])
def test_file_name_that_would_break_the_agent_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.md"
    path.write_text("---\nname: a\ndescription: b\ntemplate:\n  summary: s\n---\nx\n")
    with pytest.raises(SubwrightError, match="is no name for a template"):
        load(path, {})


def test_macros_and_captures_give_clean_values(make_template: Make) -> None:
    template = make_template(
        "<% macro m(x) %>hello <<x>><% endmacro %>"
        "<<m('a')|length>> <% if m('a') == 'hello a' %>same<% endif %> <<m('a')|truncate(4, true, '', 0)>> "
        "<% call(y) c() %>[<<y>>]<% endcall %> <<NAME>>".replace(
            "<% macro m", "<% macro c() %><<caller('z')>><% endmacro %><% macro m"
        ),
        NAMED,
    )
    rendered = template.render(template.resolve({}))
    assert rendered.text[rendered.spec.body.start :] == "7 same hell [z] Ada"


def test_odd_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text(
        "---\nname: a\ndescription: b\ntemplate:\n  summary: s\n---\nx\n"
    )
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "quoted.md").write_text(
        "---\nname: a\ndescription: b\n'template':\n  summary: s\n---\nx\n"
    )
    if os.name == "posix":
        (tmp_path / "dangling.md").symlink_to(tmp_path / "nowhere.md")
        os.mkfifo(tmp_path / "fifo.md")
    library = load_all(tmp_path, {})
    assert list(library.templates) == ["good", "quoted"]
    assert not library.broken


@pytest.mark.parametrize(
    "text", ["<# " * 30_000, "<% if " * 30_000, "<<" * 30_000, "<% if x %>\n<% endif %>\n" * 3000]
)
def test_long_templates_are_read_in_linear_time(text: str) -> None:
    """A scanner that looks ahead to the end from every opener takes minutes here; this takes a blink."""
    assert len(list(constructs(text))) <= 6000
    assert prepare(text).count("\n") == text.count("\n")


def test_error_cases_are_all_there() -> None:
    assert len(list(CASES.glob("*.md"))) == len(list(CASES.glob("*.out"))) > 25


def test_rendered_lines_know_their_template_line(make_template: Make) -> None:
    template = make_template(
        "# <<NAME>>\n"
        "\n"
        "<% for word in ['a', 'b'] %>\n"
        "- <<word>>\n"
        "<% if word == 'b' %>\n"
        "  inner\n"
        "<% endif %>\n"
        "<% endfor %>\n"
        "<% include 'more.md' %>\n"
        "<% set long %>\nx\ny\n<% endset %>\n"
        "<<long>>\nlast <<NAME>>\n",
        "NAME: {type: string, default: Ada, help: a name}",
        partials={"more.md": "from <<NAME>>\n\n<<NAME>>\n"},
    )
    rendered = template.render(template.resolve({}))
    body = rendered.spec.source.position(rendered.spec.body.start).line
    first = template.source.position(template.spec.body.start).line
    lines = rendered.text.split("\n")
    seen = [
        (text, Path(source.path).name, line - (first if source is template.source else 1))
        for text, (source, line) in zip(
            lines[body - 1 :], rendered.origins[body - 1 :], strict=True
        )
        if text
    ]
    assert seen == [
        ("# Ada", "sample.md", 0),
        ("- a", "sample.md", 3),
        ("- b", "sample.md", 3),
        ("  inner", "sample.md", 5),
        ("from Ada", "more.md", 0),
        ("Ada", "more.md", 2),
        ("x", "sample.md", 13),
        ("y", "sample.md", 13),
        ("last Ada", "sample.md", 14),
    ]
    assert len(rendered.origins) == len(lines)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_are_kept(tmp_path: Path, newline: str) -> None:
    text = (
        "---\nname: a\ndescription: b\ntemplate:\n  variables:\n"
        "    NAME: {type: string, default: Ada, help: h}\n---\n"
        "one <<NAME>>\n<% if NAME %>\ntwo\n<% endif %>\n"
    )
    path = tmp_path / "a.md"
    path.write_bytes(text.replace("\n", newline).encode())
    template = load(path, {})
    body = "---\nname: a\ndescription: b\n---\none Ada\ntwo\n"
    rendered = template.render(template.resolve({})).text
    head, _, rest = rendered.partition("# rendered by subwright from a: edit the template instead")
    assert head + rest.removeprefix(newline) == body.replace("\n", newline)


def test_end_of_file_is_kept(make_template: Make) -> None:
    for end in ("", "\n", "\n\n"):
        template = make_template(f"text{end}")
        assert template.render(template.resolve({})).text.endswith(f"\ntext{end}")


def test_what_renders_empty_is_left_out(make_template: Make) -> None:
    template = make_template(
        "x <% if ON %>y<% endif %>",
        "ON: {type: bool, default: false, help: on or off}",
        head=(
            "name: sample\ndescription: A sample\n"
            "tools:\n  - Read\n  - '<% if ON %>Bash<% endif %>'\n"
            "model: '<% if ON %>opus<% endif %>'\n"
            "maxTurns: 5\n"
        ),
    )
    assert template.render(template.resolve({})).spec.data == {
        "name": "sample",
        "description": "A sample",
        "tools": ["Read"],
        "maxTurns": 5,
    }
    assert template.render(template.resolve({"ON": True})).spec.data["tools"] == ["Read", "Bash"]


def test_facts_follow_the_version(make_template: Make) -> None:
    template = make_template(
        "<<database.title>> <<database.version>> <<database.driver.name>> <<DATABASE>> <<VERSION>> "
        "<<DRIVER>> <<database.isolation.default>> "
        '<% if database.has("update_returning") %>returning<% else %>none<% endif %> '
        '<% if database.at_least("16") %>new<% else %>old<% endif %> <<database.error("unique")>>',
        DATABASE,
        databases=DATABASES,
    )

    def body(**given: str) -> str:
        rendered = template.render(template.resolve(given))
        return rendered.text[rendered.spec.body.start :]

    assert body(DATABASE="postgresql", VERSION="15") == (
        "PostgreSQL 15 asyncpg postgresql 15 asyncpg READ COMMITTED returning old 23505"
    )
    assert body(DATABASE="pg", VERSION="17.4", DRIVER="psycopg") == (
        "PostgreSQL 17 psycopg postgresql 17 psycopg READ COMMITTED returning new 23505"
    )
    assert body(DATABASE="mysql") == (
        "MySQL 9.7 aiomysql mysql 9.7 aiomysql REPEATABLE READ none old 1062"
    )


@pytest.mark.parametrize(
    ("given", "message", "help"),
    [
        ({}, "`--database` is missing", "choose from postgresql, mysql, sqlite"),
        ({"DATABASE": "postgre"}, "`postgre` is no choice", "did you mean `postgres`?"),
        (
            {"DATABASE": "mariadb"},
            "`mariadb` is no choice",
            "choose from postgresql, mysql, sqlite",
        ),
        (
            {"DATABASE": "pg", "DRIVER": "psycopg2"},
            "`psycopg2` is no choice",
            "did you mean `psycopg`?",
        ),
        ({"DATABASE": "pg", "DRIVER": "aiomysql"}, "`aiomysql` is no choice", "asyncpg, psycopg"),
        ({"DATABASE": "pg", "VERSION": "9.6"}, "older than all series", "the oldest is 14"),
        (
            {"DATABASE": "pg", "VERSION": "x"},
            "`x` is no version of PostgreSQL",
            "14, 15, 16, 17, 18",
        ),
        ({"DATABASE": "pg", "NAM": "x"}, "no variable `NAM`", "it has "),
    ],
)
def test_value_is_refused(
    make_template: Make, given: dict[str, str], message: str, help: str
) -> None:
    template = make_template("<<DATABASE>> <<VERSION>> <<DRIVER>>", DATABASE, databases=DATABASES)
    with pytest.raises(VariableError) as caught:
        template.resolve(given)
    assert message in caught.value.message
    assert help in (caught.value.help or "")


def test_a_variable_that_does_not_apply_is_refused(make_template: Make) -> None:
    template = make_template(
        "<<DATABASE>> <<VERSION>> <<DRIVER>> <<POOLER>>",
        DATABASE
        + "POOLER: {type: choice, choices: [none, transaction], default: none, "
        + "when: DATABASE == 'postgresql', help: h}",
        databases=DATABASES,
    )
    assert (
        template.resolve({"DATABASE": "pg", "POOLER": "transaction"}).values["POOLER"]
        == "transaction"
    )
    assert template.resolve({"DATABASE": "mysql", "POOLER": "none"}).values["POOLER"] == "none"
    with pytest.raises(VariableError, match="does not fit"):
        template.resolve({"DATABASE": "mysql", "POOLER": "transaction"})


@pytest.mark.parametrize(
    "when", ['database.has("update_returning")', "N > 3", "N is nonsense", "N.x.y"]
)
def test_a_condition_that_cannot_be_told_is_refused(make_template: Make, when: str) -> None:
    template = make_template(
        "<<DATABASE>> <<VERSION>> <<DRIVER>> <<N>> <<FOO>>",
        f"{DATABASE}N: {{type: string, default: x, help: h}}\n"
        f"FOO: {{type: bool, default: false, help: h, when: '{when}'}}\n",
        databases=DATABASES,
    )
    with pytest.raises(SubwrightError) as caught:
        template.resolve({"DATABASE": "pg", "FOO": True})
    assert when in caught.value.message
    assert caught.value.help


@pytest.mark.parametrize("key", ["1", "~", "[a]"])
def test_a_key_of_a_variable_that_is_no_text_is_refused(make_template: Make, key: str) -> None:
    with pytest.raises(SubwrightError):
        make_template("<<N>>", f"N: {{type: string, default: x, help: h, {key}: z}}")


def test_template_cannot_reach_out(make_template: Make, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.md").write_text("secret")
    for name in ("../secret.md", str(tmp_path.parent / "secret.md"), "missing.md"):
        with pytest.raises(DiagnosticError, match="neither in the template folder"):
            make_template(f"<% include '{name}' %>")
    template = make_template("<% set x = ''.__class__ %><<x>>")
    with pytest.raises(DiagnosticError, match="unsafe"):
        template.render(template.resolve({}))


def test_library_keeps_good_templates_beside_broken_ones(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# no template\n")
    (tmp_path / "good.md").write_text(
        "---\nname: a\ndescription: b\ntemplate:\n  summary: s\n---\nx\n"
    )
    (tmp_path / "bad.md").write_text(
        "---\nname: a\ndescription: b\ntemplate:\n  sumary: s\n---\nx\n"
    )
    library = load_all(tmp_path, {})
    assert list(library.templates) == ["good"]
    assert list(library.broken) == ["bad"]


def test_outlines_have_the_variables_that_templates_have(tmp_path: Path) -> None:
    folder = data.folder("templates")
    whole, outline = load_all(folder, DATABASES), outlines(folder, DATABASES)
    assert list(outline.templates) == list(whole.templates)
    for name, template in whole.templates.items():
        found = outline.templates[name]
        assert isinstance(found, Outline)
        nowhere = {key: v._replace(span=Span(0, 0)) for key, v in template.variables.items()}
        assert found.variables == nowhere
        assert list(found.variables) == list(template.variables)
    # what has not the form is read in full, which says why
    variables = "name: a\ndescription: b\ntemplate: {variables: {A: {type: bool, help: h}}}"
    (tmp_path / "wrong.md").write_text(f"---\n{variables}\n---\n<<A>>\n")
    broken = outlines(tmp_path, {}).broken["wrong"]
    assert isinstance(broken, TemplateError)
    assert broken.message == str(load_all(tmp_path, {}).broken["wrong"])


def test_contract_may_depend_on_variables(tmp_path: Path) -> None:
    path = tmp_path / "sample.md"
    path.write_text(
        "---\nname: sample\ndescription: A sample\ntools: Read<% if MORE %>, Bash<% endif %>\n"
        "template:\n  variables:\n    MORE: {type: bool, default: false, help: h}\n"
        "  contract:\n    tools: [Read, '<% if MORE %>Bash<% endif %>']\n"
        "    sections: [One, '<% if MORE %>Two<% endif %>']\n"
        "    max_characters: '<% if MORE %>1000<% else %>130<% endif %>'\n"
        "---\n## One\n<% if MORE %>\n## Two\n<% endif %>\n"
    )
    template = load(path, {})
    for more in (True, False):
        rendered = template.render(template.resolve({"MORE": more}))
        assert len(rendered.spec.headings) == 1 + more
    long = tmp_path / "long.md"
    long.write_text(path.read_text().replace("130", "13"))
    template = load(long, {})
    template.render(template.resolve({"MORE": True}))
    with pytest.raises(ContractError, match=r"characters, .* more than its contract allows"):
        template.render(template.resolve({"MORE": False}))


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a: b",
        "a #b",
        "- a",
        "yes",
        "123",
        "~",
        "",
        " a ",
        "a\nb",
        "a --- b",
        "-----",
        "\u2028",
        "é😀",
        '"',
        "'",
    ],
)
def test_serialised_value_reads_back(value: str) -> None:
    text = serialise({"key": value, "list": [value], "map": {"k": value}})
    assert "---" not in text
    assert yaml.safe_load(text) == {"key": value, "list": [value], "map": {"k": value}}
