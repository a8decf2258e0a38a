"""The notebooks run, and hold the output of a run."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def cells_of(path: Path) -> list[dict[str, Any]]:
    """Give the code cells of a notebook."""
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; gives the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of a notebook runs, gives what it gave when it was saved, and shows something."""
    monkeypatch.chdir(path.parent)
    names: dict[str, Any] = {}
    for cell in cells_of(path):
        value = run("".join(cell["source"]), names)
        saved = ["".join(output["data"]["text/plain"]) for output in cell["outputs"] if "data" in output]

        assert (value is None) == (saved == [])
        if saved and len(saved[0].splitlines()) == 1:  # frames are wrapped by the width of a screen
            assert repr(value) == saved[0]


def test_there_are_notebooks() -> None:
    """The folder that the user asked for holds notebooks."""
    assert NOTEBOOKS
