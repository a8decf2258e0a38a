"""The notebooks run, and hold the output of a run: values, and pictures.

``pytest tests/test_notebooks.py --update`` runs them and writes their outputs anew.
"""

from __future__ import annotations

import ast
import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURE, HTML, TEXT = "image/png", "text/html", "text/plain"

Output = dict[str, Any]


@pytest.fixture(autouse=True)
def _drawing() -> Iterator[None]:
    """Draw without a screen, and leave no figure behind."""
    from matplotlib import pyplot as plt

    mpl.use("agg")
    plt.close("all")  # what another test left
    yield
    plt.close("all")


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; gives the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def outputs(value: Any, count: int) -> list[Output]:
    """Give what a notebook shows of a cell: its value, and the figures that it made."""
    from matplotlib import pyplot as plt

    shown: list[Output] = []
    if value is not None:
        data = {TEXT: lines(repr(value))}
        if hasattr(value, "_repr_html_") and (page := value._repr_html_()):
            data[HTML] = lines(page)
        shown.append({"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"})
    for number in plt.get_fignums():
        figure, file = plt.figure(number), io.BytesIO()
        figure.savefig(file, format="png", dpi=80, metadata={"Software": None})
        picture = base64.b64encode(file.getvalue()).decode()
        shown.append(
            {"data": {PICTURE: picture, TEXT: [repr(figure)]}, "metadata": {}, "output_type": "display_data"}
        )  # fmt: skip
    plt.close("all")
    return shown


def text_of(output: Output) -> str:
    return "".join(output["data"][TEXT])


def is_drawn(output: Output) -> bool:
    """Say whether a picture shows something: lines and letters on paper, in several colours."""
    from matplotlib import image

    pixels = image.imread(io.BytesIO(base64.b64decode(output["data"][PICTURE])))
    return pixels.shape[1] > 300 and len({tuple(pixel) for row in pixels[::3] for pixel in row.tolist()}) > 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, monkeypatch: pytest.MonkeyPatch, *, update: bool) -> None:
    """Every cell of a notebook runs, gives what it gave when it was saved, and shows something."""
    monkeypatch.chdir(path.parent)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        got = outputs(run("".join(cell["source"]), names), cell["execution_count"])
        if update:
            cell["outputs"] = got
            continue

        saved = cell["outputs"]
        assert [output["output_type"] for output in got] == [output["output_type"] for output in saved]
        assert all(map(is_drawn, (output for output in [*got, *saved] if PICTURE in output["data"])))
        for new, old in zip(got, saved, strict=True):
            if len(text_of(old).splitlines()) == 1:  # frames are wrapped by the width of a screen
                assert text_of(new) == text_of(old)
    if update:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def test_the_transcript_alone_has_exact_rounds() -> None:
    """Where the text says that the rounds of the pasted transcript are exact, the rows below are of it alone."""
    cells = json.loads((FOLDER / "mail-log.ipynb").read_text(encoding="utf-8"))["cells"]
    ((shown,),) = (cell["outputs"] for cell in cells if "".join(cell["source"]).startswith("pasted = "))
    head, *told = text_of(shown).splitlines()

    assert "source" in head
    assert told
    assert all("swaks.txt" in row and "exact" in row for row in told)


def test_there_are_notebooks() -> None:
    """The folder that the user asked for holds notebooks, each with prose, and with pictures that were drawn."""
    assert {path.stem for path in NOTEBOOKS} >= {"attack-hunt", "first-look", "mail-log"}
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert sum(cell["cell_type"] == "markdown" for cell in cells) >= 5
        assert sum(PICTURE in output["data"] for cell in cells for output in cell.get("outputs", ())) >= 3
