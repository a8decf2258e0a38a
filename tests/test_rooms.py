"""Only the law knows verbs and reply codes: no other module holds one as a literal."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from analyzer.smtp.law import ENDINGS, REPLY_KINDS, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(__file__).parents[1] / "analyzer"
#: Knowledge for people: what replies and verbs mean, what of them may be shown, what is advised.
FOR_PEOPLE: Final = frozenset(
    {
        "smtp/law.py",  # the law itself
        "smtp/redact.py",  # of which verbs the argument may be shown
        "smtp/replies.py",  # what codes mean
    }
)
#: Literals that look like one and are none.
HOMONYMS: Final[dict[str, set[object]]] = {
    "report/ladder.py": {"STARTTLS"},  # how TLS began, in words
}
#: Codes that any rule could be about, RFC 5321 section 4.2.3 and the extensions' own.
CODES: Final = frozenset(ENDINGS) | frozenset(REPLY_KINDS) | {
    *(211, 214, 250, 251, 252, 450, 451, 452, 454, 455, 521, 550, 551, 552, 554, 556),
}  # fmt: skip
MODULES: Final = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Give the constants of a module but its docstrings."""
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            yield node


def is_of_the_law(value: object) -> bool:
    """Say whether a constant is a verb, as clients write it, or a reply code."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return value.strip() in VERBS or (value.isdigit() and int(value) in CODES)
    return type(value) is int and value in CODES


@pytest.mark.parametrize("name", sorted(set(MODULES) - FOR_PEOPLE))
def test_no_verb_and_no_code(name: str) -> None:
    """A module that is not the law holds no verb and no reply code."""
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    allowed = HOMONYMS.get(name, set())
    found = [
        f"{name}:{node.lineno}: {node.value!r}"
        for node in literals(tree)
        if is_of_the_law(node.value) and node.value not in allowed
    ]

    assert not found


def test_exceptions_are_needed() -> None:
    """What is excepted is there, and holds what it is excepted for."""
    for name in FOR_PEOPLE:
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        assert any(is_of_the_law(node.value) for node in literals(tree)), name
    for name, values in HOMONYMS.items():
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        assert values <= {node.value for node in literals(tree)}, name
