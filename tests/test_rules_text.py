"""Characters: mojibake and what it was, what cannot be seen, placeholders, blanks."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subwright import linter
from subwright.agent import Agent, Place
from subwright.mojibake import Run, runs
from subwright.rules import every

RULES = every()
HEAD = "---\nname: a\ndescription: b\n---\n"


def messages(rule: str, text: str, place: Place | None = None) -> list[str]:
    agent = Agent.of("a.md", text.encode(), place)
    return [found.message for found in linter.check(agent, [RULES[rule]])]


def fixed(rule: str, text: str) -> str:
    """The text when nothing is left to mend, which is after one pass."""
    agent = Agent.of("a.md", text.encode())
    once = linter.fixed(text, linter.check(agent, [RULES[rule]]))
    again = Agent.of("a.md", once.encode())
    assert linter.fixed(once, linter.check(again, [RULES[rule]])) == once
    return once


def found(text: str) -> list[Run]:
    return runs(text, text)


TEXTS = (
    "✅ Good — “naïve”, 10 °C … and ❌",
    "🚀 📚 ⬇️ 🎯 café → 2 × 3 ≤ 7",
    "Größe, señor, où, åäö, œuvre, łódź",
    "первый, второй",
    "日本語のテスト、中文",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "latin-1"])
def test_mojibake_is_repaired_to_what_it_was(encoding: str, text: str) -> None:
    broken = "".join(
        bytes((byte,)).decode(encoding) if not _undefined(byte, encoding) else chr(byte)
        for byte in text.encode()
    )
    assert broken != text
    mended = fixed("mojibake", f"{HEAD}Well: {broken} and so on.\n")
    assert mended == f"{HEAD}Well: {text} and so on.\n"


def _undefined(byte: int, encoding: str) -> bool:
    return encoding == "cp1252" and byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def test_each_run_is_what_python_makes_of_it() -> None:
    text = "‚úÖ one ‚ùå two \uf8ffüöÄ three ‚¨áÔ∏è caf√© na√Øve √ºber"
    assert [run.text for run in found(text)] == ["✅", "❌", "🚀", "⬇️", "é", "ï", "ü"]
    for run in found(text):
        assert run.text == text[slice(*run.span)].encode("mac_roman").decode("utf-8")


# beyond the last character, a surrogate, and the last and first that are there
@example("ô\x90\x80\x80")
@example("í\xa0\x80")
@example("ô\x8f¿¿ í\x9f¿ î\x80\x80")
@given(st.text())
def test_a_run_is_utf8_in_another_encoding(text: str) -> None:
    for run in found(text):
        written = text[slice(*run.span)]
        if not any("\x80" <= c <= "\x9f" for c in written):
            assert written.encode(run.encoding).decode("utf-8") == run.text


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS,
        "2√π, √∞, √∑x, ¬∞, a ≈ ±1, 3 Å³ and Å²",
        "« voilé\u00a0» né…», l’été, “É”, ‘Ö’",
        "„BMÄ“ — “NÃO HÁ MAÇÔ – Å—",
        "┌─┐ │ ├─ └┘ ░▒▓",
        "Â, Ã, â, ð and þ are letters",
        "שלום, سلام, Việt Nam, ελληνικά",
    ],
)
def test_good_text_is_no_mojibake(text: str) -> None:
    assert not found(text)


def test_what_could_be_either_goes_with_what_is_certain() -> None:
    assert not found("√π")
    assert [run.text for run in found("√π ‚Äî")] == ["ù", "—"]


def test_text_about_mojibake_is_let_be() -> None:
    assert not messages("mojibake", f"{HEAD}Mojibake such as caf√© is repaired.\n")


def test_message_has_no_control_character() -> None:
    (message,) = messages("mojibake", f"{HEAD}a\u00e2\u0080\u0094b\n")
    assert message == "this is UTF-8 that was read as Latin-1"
    assert not messages("control-character", f"{HEAD}a\u00e2\u0080\u0094b\n")


INVISIBLE = [
    ("a\u200bb", "ab"),
    ("end.\u2060\n", "end.\n"),
    ("a\ufeffb", "ab"),
    ("a\u200b\u200bb", "ab"),
    ("`\u200b``", None),  # it may be there to keep a fence from being one
    ("\u200b# no heading", None),
    ("\u200b1. no list", None),
    ("-\u200b--", None),
    ("a\u00adb", None),
    ("a\u2028b", None),
    ("a\u200db", None),
    ("a\u200eb", None),
    ("a\ufe0fb", None),
]


@pytest.mark.parametrize(("body", "mended"), INVISIBLE)
def test_invisible_character(body: str, mended: str | None) -> None:
    assert len(messages("invisible-character", HEAD + body)) == 1
    assert fixed("invisible-character", HEAD + body) == HEAD + (body if mended is None else mended)


@pytest.mark.parametrize(
    "body",
    [
        "✔️ ⚠️ ❤️‍🔥 👩‍💻 🦸‍♀️ 1️⃣ #️⃣ ☎︎",
        "می‌خواهم and क्‍ष",
        "שלום\u200f!",
        "a b",
    ],
)
def test_what_a_script_or_an_emoji_needs_is_let_be(body: str) -> None:
    assert not messages("invisible-character", HEAD + body)


def test_one_problem_is_reported_once() -> None:
    """What is part of mojibake, or hides a text, is that and not an invisible character too."""
    assert not messages("invisible-character", f"{HEAD}a\u00c3\u00adb\n")
    assert not messages("invisible-character", f"{HEAD}a\ufe01\ufe02b\n")


def test_byte_order_mark_is_no_invisible_character() -> None:
    assert not messages("invisible-character", f"\ufeff{HEAD}x\n")


@pytest.mark.parametrize(
    ("frontmatter", "mended"),
    [
        ("name: a\u200bb\ndescription: c", "name: ab\ndescription: c"),
        ("na\u200bme: a\ndescription: c", "na\u200bme: a\ndescription: c"),
        ("name: a\ndescription: \u200bc", "name: a\ndescription: \u200bc"),
    ],
)
def test_invisible_character_in_the_frontmatter(frontmatter: str, mended: str) -> None:
    text = f"---\n{frontmatter}\n---\n"
    assert len(messages("invisible-character", text)) == 1
    assert fixed("invisible-character", text) == f"---\n{mended}\n---\n"


@pytest.mark.parametrize("text", ["\ufffd", "a\0b", "\0\0-\0-\0\n", "---\rname: a\r---\r"])
def test_file_that_is_wrong_as_a_whole(text: str) -> None:
    """What cannot be decoded, or whose lines end otherwise, is one problem and not one for each character."""
    agent = Agent.of("a.md", b"\xff" + text.encode() if text == "\ufffd" else text.encode())
    names = ("lost-character", "control-character")
    found = linter.check(agent, [RULES[name] for name in names])
    assert not found


def test_control_characters_in_a_row_are_one() -> None:
    assert messages("control-character", f"{HEAD}\x1b\x07 a\rb\r\n") == [
        "the control character U+001B",
        "the control character U+000D",
    ]


PLACEHOLDERS = [
    ("You know {{DATABASE}} {{ VERSION }}.", 2),
    ("You know {{ cookiecutter.database }}.", 1),
    ("You know {{database}}.", 1),
    ("You know <<DATABASE>> and <<database.title>>.", 2),
    ("<% if DATABASE %>You know it.<% endif %>", 2),
    ("<%= user.name %>", 1),
    ("{% if database %}You know it.{% endif %}", 2),
    ("Ask [INSERT COMPANY NAME] first.", 1),
    ("You know Jinja's {{database}}, and {{DATABASE}}.", 1),
    ("You fill in templates: {{database}}", 0),
    ("You know `{{DATABASE}}` and ``a ` {{DATABASE}}``.", 0),
    ("Ask “what does {{DATABASE}} do?” or \"{{DATABASE}}\".", 0),
    ("```\n{{DATABASE}}\n```\n", 0),
    ("    {{DATABASE}}\n", 0),
    ("<!-- {{DATABASE}} -->", 0),
    ("Use ${{ secrets.TOKEN }}, ${{ TOKEN }} and \\{{ TOKEN }}.", 0),
    ("An <<interface>> is a stereotype, [INSERT NAME](link.md) a link, 1 << 2 >> 1.", 0),
    ("x = {{}}, {{ a + b }}, {{{RAW}}}", 0),
]  # fmt: skip


@pytest.mark.parametrize(("body", "count"), PLACEHOLDERS)
def test_placeholder(body: str, count: int) -> None:
    assert len(messages("unrendered-placeholder", HEAD + body)) == count


def test_placeholder_in_the_frontmatter() -> None:
    text = "---\nname: '{{ name }}'\ndescription: About <<DATABASE>>\nhooks: '{{X}}' # {{X}}\n---\n"
    assert len(messages("unrendered-placeholder", text)) == 2
    assert not messages("unrendered-placeholder", text, Place(template=True))


BLANKS = [
    ("a \nb\t\n", "a\nb\n"),
    ("a  \n\nb  ", "a\n\nb"),
    ("a  \nb\n", "a  \nb\n"),
    ("a\\ \nb\n", "a\\ \nb\n"),
    ("   \n\n", "\n\n"),
    ("a \r\nb\r\n", "a\r\nb\r\n"),
    ("```\na \n```\n", "```\na \n```\n"),
    ("> a  \n> b\n", "> a  \n> b\n"),
]


@pytest.mark.parametrize(("body", "mended"), BLANKS)
def test_trailing_blanks(body: str, mended: str) -> None:
    assert fixed("trailing-blank", HEAD + body) == HEAD + mended


def test_blanks_in_a_value_of_several_lines_stay() -> None:
    text = "---\nname: a \ndescription: |\n  b \n  c\n---\n"
    assert fixed("trailing-blank", text) == text.replace("name: a ", "name: a")


@pytest.mark.parametrize("rule", ["trailing-blank", "mixed-line-ends"])
def test_what_only_the_second_try_reads_is_let_be(rule: str) -> None:
    front = "---\nname: a\ndescription: Use it when: \n---\n"
    assert Agent.of("a.md", front.encode()).reading.strict
    text = f"{front}x\r\ny\r\nz\r\nu\r\nv\r\nw\r\n"
    assert fixed(rule, text) == text


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        ("a\r\nb\n", "a\nb\n"),
        ("a\r\nb\r\nc\r\nd\r\ne\r\n", None),
    ],
)
def test_mixed_line_ends(body: str, mended: str | None) -> None:
    text = fixed("mixed-line-ends", HEAD + body)
    assert (
        text == HEAD + mended
        if mended
        else text == (HEAD + body.replace("\r\n", "\n")).replace("\n", "\r\n")
    )


def test_rules_about_characters_hold_for_templates() -> None:
    """What a template's source has wrong in its characters, all of its variants have."""
    family = {rule.name: rule.source for rule in RULES.values() if rule.family == "text"}
    assert family.pop("unrendered-placeholder") is False
    assert all(family.values())
