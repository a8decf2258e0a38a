r"""The only module that makes text from the wire safe to show.

Text from the wire is written by strangers. In a terminal an escape sequence moves the cursor or sets the title; a
bidirectional override makes a line read backwards; a square bracket is markup to rich; in a spreadsheet a cell that
begins with ``=`` is a program; in a page ``<script>`` is one; in a chart ``$\frac$`` is a formula that does not parse.
JSON needs none of this: its escapes are exact, and `json_text` writes pure ASCII. rich gets ``Text(visible(text))``,
which it prints as it is; a plain string it would read as markup, and a control character it would pass on.
"""

from __future__ import annotations

import html as _html
import re
from json.encoder import encode_basestring_ascii as json_text

__all__ = ["chart", "csv", "html", "json_text", "visible"]

#: What changes how other text is shown, or is no character at all: C0, DEL, C1; soft hyphen, Arabic letter mark,
#: Mongolian vowel separator, zero width characters, line and paragraph separators, bidirectional embeddings,
#: overrides and isolates (Unicode UAX #9, the "trojan source" characters), invisible operators, byte order mark,
#: interlinear annotation, language tags; lone surrogates, which no encoding can write.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"
)
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

#: First characters that make a spreadsheet compute a cell, wide forms included.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NEEDS_QUOTES = re.compile(r'[",;\s]')

#: Longest text in a chart; a longer one pushes the axes out of the figure.
CHART_CHARACTERS = 48


def visible(text: str) -> str:
    r"""Show what hides: control, direction and other invisible characters become ``\\x1b`` or ``\\u202e``."""
    return _HIDDEN.sub(_escaped, text) if not text.isascii() or not text.isprintable() else text


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    width, letter = (2, "x") if code < 0x100 else (4, "u") if code < 0x10000 else (8, "U")
    return _SHORT.get(character) or f"\\{letter}{code:0{width}x}"


def csv(text: str) -> str:
    """Make a CSV field: visible, never a formula (an apostrophe goes first), quoted where it must be."""
    text = visible(text)
    if _FORMULA.match(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def html(text: str) -> str:
    """Make text for a page, between tags or inside a quoted attribute."""
    return _html.escape(visible(text), quote=True)


def chart(text: str, most: int = CHART_CHARACTERS) -> str:
    """Make text for a chart: no formulas, short, and never a label that matplotlib hides for its first underscore."""
    text = visible(text[: most + 1])
    if len(text) > most:
        text = text[: most - 1] + "…"
    text = text.replace("$", r"\$")
    return " " + text if text.startswith("_") else text
