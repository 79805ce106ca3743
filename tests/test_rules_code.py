"""Code blocks: what is called wrong, what is let be, and at which line."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from subwright import languages
from subwright.agent import Agent
from subwright.languages import balance, example
from subwright.rules import Finding, every

RULES = every()
HEAD = "---\nname: a\ndescription: b\n---\n"


def findings(rule: str, body: str) -> list[Finding]:
    agent = Agent.of("a.md", f"{HEAD}{body}".encode())
    return list(RULES[rule].check(agent))


WRONG = [
    ("python", "x = 1\nfor y in x\n    print(y)\n", 1, "not Python: expected ':'"),
    ("python", "print 'hello'\n", 0, "not Python: missing parentheses in call to 'print'"),
    ("python", "    def f(self):\n        return (1\n", 1, "not Python: '(' was never closed"),
    ("py", "- one thing\n- another thing\n", 0, "not Python: invalid syntax"),
    ("python", "f(a=1, b)\n", 0, "not Python: positional argument follows keyword argument"),
    ("python", "def f():\n\nx = 1\n", 2, "not Python: expected an indented block"),
    ("python", "x = '\0'\n", 0, "not Python: source code string cannot contain null bytes"),
    ("json", '{"a": 1\n "b": 2}\n', 1, "not JSON: expecting ',' delimiter"),
    ("json", "{'a': 1}\n", 0, "not JSON: expecting property name enclosed in double quotes"),
    ("json", '{"a": True}\n', 0, "not JSON: expecting value"),
    ("jsonc", '// all of it\n{"a": [1, 2}\n', 1, "not JSON: expecting ',' delimiter"),
    ("yaml", "a: b: c\n", 0, "not YAML: mapping values are not allowed"),
    ("yml", "on: *.py\n", 0, "not YAML: "),
    ("yaml", "a: 1\nb: *c\n", 1, "not YAML: undefined alias `c`"),
    ("yaml", "---\nname: a\ndescription: b: c\n---\n# Title\n", 2, "not YAML: mapping values"),
    ("toml", "a = 1\nb = \n", 1, "not TOML: invalid value"),
]


@pytest.mark.parametrize(("language", "code", "line", "message"), WRONG)
def test_code_is_wrong(language: str, code: str, line: int, message: str) -> None:
    found = example.problem(language, code)
    assert found is not None
    assert found.message.startswith(message)
    assert found.line == line


RIGHT = [
    ("python", "result = await session.execute(query)\nasync with a as b: pass\n"),
    ("python", "def f(a, ...):\n    ...\n\nf(1, ..., b=2)\nf(b=2, ...)\nx = {'a': 1, ...}\n"),
    ("python", "def f():\n    # look at it\n\nclass A:\n    # and at this\n"),
    ("python", "    def inner(self):\n        pass\n\ndef outer():\n    pass\n"),
    ("python", ">>> f(1\n... )\n2\n"),
    ("python", "In [1]: f(\n"),
    ("python", "%load_ext autoreload\n!pip install x\nx = 1\n"),
    ("python", "x = <your-key>\nclass {{ cookiecutter.name }}:\n"),
    ("python", "{% if x %}\nclass A:\n{% endif %}\n"),
    ("python", "@app.get('/')\n"),
    ("python", "fetch(url: str, *, retries: int = 3) -> bytes\n"),
    ("python", "'a': {'b': 1},\n'c': 2,\n"),
    ("python", "x = '\\d'\nassert (1, 'always')\n"),
    ("json", '{"a": 1, /* two */ "b": [1, 2, ...], // three\n "c": {...}, ...}\n'),
    ("json", '{"a": "x" | "y", "b": number, "c": 0.0-1.0, "d": <n>, "e": {id}, "f": [1, 2,],}'),
    ("json", '{"a": 1}\n{"a": 2}\n'),
    ("json", '"scripts": {"test": "x"},\n"main": "y"\n'),
    ("json", '{"matcher": "Write"}\n# or\n{"matcher": "Edit"}\n'),
    ("json", '{"url": "https://example.com/a#b", "c": "a | b <c> ..."}'),
    ("yaml", "a: 1\n---\nb: 2\n"),
    ("yaml", "a: 1\n...\nb:\n  - x\n  ...\n"),
    ("yaml", "{{- if .Values.x }}\na: 1\n{{- end }}\n"),
    ("yaml", "---\nname: a\ndescription: b\n---\nUse it: when: needed.\n"),
    ("yaml", "run: !Ref X\nuses: ${{ matrix.a }}\n"),
    ("toml", "[tool.a]\nb = 1\n...\n[<crate_name>]\nd = [1, 2, ...]\ne = ...\n"),
    ("toml", "[test]\na = 1\n# or\n[test]\na = 2\n"),
    ("text", "for each: do"),
    ("cobol", "f("),
]  # fmt: skip


@pytest.mark.parametrize(("language", "code"), RIGHT)
def test_example_is_let_be(language: str, code: str) -> None:
    assert example.problem(language, code) is None


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ((3, 12), "type Name = str\n"),
        ((3, 12), "def first[T](items: list[T]) -> T:\n    return items[0]\n"),
        ((3, 12), "class Box[T]:\n    pass\n"),
        ((3, 12), 'print(f"{data[\'a\']} {data["b"]}")\n'),
        ((3, 14), 'query = t"select {name}"\n'),
        ((3, 14), "try:\n    pass\nexcept KeyError, ValueError:\n    pass\n"),
    ],
)
def test_later_python_is_let_be(version: tuple[int, int], code: str) -> None:
    """On a Python that knows the syntax it is read, on an older one it is recognised."""
    assert example.problem("python", code) is None
    wrong = "x = = 1\n"
    assert example.problem("python", wrong) is not None
    if sys.version_info >= version:
        assert example.problem("python", code + wrong) is not None


# a parser takes these, what comes after it does not
NAMES = (
    "nonlocal a\n",
    "def f(a, a): pass\n",
    "def f(a):\n    global a\n",
    "def f():\n    from a import *\n",
    "def f():\n    def g():\n        nonlocal a\n",
    "a = 1\nfrom __future__ import annotations\n",
    "from __future__ import braces\n",
    "[a := 1 for a in b]\n",
    "class A:\n    [a := 1 for b in c]\n",
    "return 1\n",
    "await a\n",
)


@pytest.mark.parametrize("code", NAMES)
def test_how_names_are_used_is_let_be(code: str) -> None:
    assert languages.python_error(code) is None


def test_python_is_refused_as_the_parser_refuses_it() -> None:
    """The error of the short way is that of the parser, in parts of real code with something put in or taken out."""
    dice = random.Random(1)
    pieces = (
        "",
        "(",
        ")",
        "\n",
        "  ",
        "\t",
        "'",
        '"""',
        "\\",
        "\0",
        "é",
        "=",
        "lambda",
        "*",
        "f'{",
        *NAMES,
    )
    refused = 0
    for path in [*sorted(Path(languages.__file__).parent.rglob("*.py")), Path(__file__)]:
        text = path.read_text(encoding="utf-8")
        for start in range(0, len(text), 900):
            part = text[start : start + 900]
            at = dice.randrange(len(part) + 1)
            code = part[:at] + dice.choice(pieces) + part[at + dice.choice((0, 0, 1, 5)) :]
            refused += (expected := parser_error(code)) is not None
            assert said(languages.python_error(code)) == said(expected)
    assert refused > 10


def parser_error(code: str) -> Exception | None:
    try:
        languages.parse_python(code)
    except (SyntaxError, ValueError) as error:
        return error
    return None


def said(error: Exception | None) -> tuple[object, ...]:
    return (type(error), str(error), getattr(error, "lineno", None))


def test_the_line_is_that_of_the_agent() -> None:
    (found,) = findings("unparsable-code", '- A list:\n\n  ```json\n  {\n    "a" 1\n  }\n  ```\n')
    agent = f'{HEAD}- A list:\n\n  ```json\n  {{\n    "a" 1\n  }}\n  ```\n'
    assert agent[slice(*found.span)] == '"a" 1'


@pytest.mark.parametrize(
    "body",
    [
        "```python\nx = (\n",  # never closed: a fence is what is wrong
        "````python\n```\nx = (\n```\n````\n",
        "```python\n" + "x = (\n" * 5000 + "```\n",
        "```\nx = (\n```\n",
        "```{.text}\nx = (\n```\n",
    ],
)
def test_block_is_not_looked_into(body: str) -> None:
    assert not findings("unparsable-code", body)


@pytest.mark.parametrize(
    ("language", "code"),
    [("python", "-" * 19_000 + "1"), ("json", "[" * 19_000), ("yaml", "[" * 19_000)],
)
def test_nothing_is_said_of_what_cannot_be_followed(language: str, code: str) -> None:
    with pytest.raises((RecursionError, MemoryError)):
        example.problem(language, code)
    assert not findings("unparsable-code", f"```{language}\n{code}\n```\n")


@pytest.mark.parametrize("info", ["python", "Python title=a.py", "{.python}", "python,ignore"])
def test_language_of_the_info_string(info: str) -> None:
    assert len(findings("unparsable-code", f"```{info}\nx = (\n```\n")) == 1


SHELL = [
    ("echo \"it's\" 'a \"quoted\" word' \\' # don't\n", None),
    ("case $1 in\n  a) x ;;\n  (b) y ;;\nesac\n", None),
    ("cat <<EOF\nit's\nEOF\ncat <<-'A' <<\"B\"\n'\n\tA\n\"\nB\n", None),
    ("x=$(cat <<EOF\nit's (\nEOF\n)\n", None),
    ('echo "${x:-it\'s}" "$(echo "a)")" `echo "b"`\n', None),
    ("echo $'it\\'s' $((1 << 2)) $((16#ff)) <(ls) <<< word\n", None),
    ("git commit -m <the user's message>\nthat's it\n", None),
    ("echo a#b'c'\n", None),
    ("echo 'one\necho two\n", ("'", 0)),
    ('echo "one\n', ('"', 0)),
    ("x\necho $(date\n", ("$(", 1)),
    ("cat <<EOF\ntext\n", ("<<EOF", 0)),
    ("cat <<EOF", ("<<EOF", 0)),
    ("echo ${x\n", ("${", 0)),
    ("echo $'a\n", ("'", 0)),
    ("echo `date\n", ("`", 0)),
    ("echo \"$(date\"\n", ('"', 0)),
    ("(" * 60 + "'", None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), SHELL)
def test_shell(code: str, expected: tuple[str, int] | None) -> None:
    found = balance.shell(code)
    assert (found and (found.mark, code.count("\n", 0, found.at))) == expected


SQL = [
    ("select 'it''s' from \"a\"\"b\"; -- don't\n/* isn't */ select 1\n", None),
    ("select 'it\\'s'", None),
    ("select a like '\\%' escape '\\'", None),
    ("create function f() returns int as $$ select 'a' || ')' $$ language sql;", None),
    ("create table t (\n  a int,\n  ...", None),
    ("# don't\nselect 1", None),
    ("1' OR '1'='1' --", None),
    ("select count(*) from t where (a or b", ("(", 0)),
    ("select 1;\nselect 'a", ("'", 1)),
    ("select 1 /* never", ("/*", 0)),
    ("do $x$ begin $$ end", None),
    ("begin; do $x$ $$ end", ("$x$", 0)),
    ("select 1)", None),
]


@pytest.mark.parametrize(("code", "expected"), SQL)
def test_sql(code: str, expected: tuple[str, int] | None) -> None:
    found = balance.sql(code)
    assert (found and (found.mark, code.count("\n", 0, found.at))) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("```sh\necho `date\n```\n", "a backtick is not closed in this block"),
        ("```sql\nselect (\n```\n", "`(` is not closed in this block"),
    ],
)
def test_what_is_unbalanced_is_named(body: str, message: str) -> None:
    assert [found.message for found in findings("unbalanced-code", body)] == [message]
