"""Fonts of the PDF: embedded Vera, which comes with reportlab, and DejaVu Sans for what Vera lacks, if it is installed.

A character that neither font has is shown as its code point, ``[U+4E2D]``, so that nothing disappears silently.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REGULAR, BOLD = "ReportSans", "ReportSans-Bold"
_FALLBACK, _FALLBACK_BOLD = "ReportFallback", "ReportFallback-Bold"

#: Longer texts are cut before they are laid out, so that no value can make a report of a thousand pages.
LONGEST = 2000


@dataclass(frozen=True)
class Typeface:
    """The registered fonts and which characters each has.

    Parameters
    ----------
    glyphs : frozenset of int
        Code points of the embedded font.
    fallback : frozenset of int
        Code points of the fallback font; empty if there is none on this system.
    """

    glyphs: frozenset[int]
    fallback: frozenset[int]

    def clean(self, text: object) -> str:
        """Return text on one line in which every character can be drawn."""
        return "".join(self._drawable(character) for character in str(text)[:LONGEST])

    def _drawable(self, character: str) -> str:
        if character.isspace():
            return " "
        code = ord(character)
        # no control characters; and none above the BMP: the PDF's text layer has 16 bits for a character
        if (
            unicodedata.category(character)[0] != "C"
            and code <= 0xFFFF
            and (code in self.glyphs or code in self.fallback)
        ):
            return character
        return f"[U+{code:04X}]"

    def runs(self, text: str, *, bold: bool = False) -> list[tuple[str, str]]:
        """Split clean text into ``(font name, text)`` runs."""
        names = (BOLD, _FALLBACK_BOLD) if bold else (REGULAR, _FALLBACK)
        result: list[tuple[str, str]] = []
        for character in text:
            name = names[0] if ord(character) in self.glyphs else names[1]
            if result and result[-1][0] == name:
                result[-1] = (name, result[-1][1] + character)
            else:
                result.append((name, character))
        return result

    def markup(self, text: object, *, bold: bool = False) -> str:
        """Return any text as markup for a paragraph, escaped and with its fonts."""
        return "".join(
            f'<font name="{name}">{escape(run)}</font>' for name, run in self.runs(self.clean(text), bold=bold)
        )

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return the width of clean text in points."""
        return float(sum(pdfmetrics.stringWidth(run, name, size) for name, run in self.runs(text, bold=bold)))

    def wrap(self, text: object, size: float, room: float, most: int, *, bold: bool = False) -> list[str]:
        """Return a name on at most so many lines, broken after ``_ . - / :`` or a space where that is possible."""
        budget = most * room
        while True:
            pieces = re.findall(r"[^_.\-/: ]*[_.\-/: ]?", self.shorten(text, size, budget, bold=bold))
            lines = _fill(pieces, lambda line: self.width(line, size, bold=bold) <= room)
            if len(lines) <= most:
                return lines
            budget *= 0.93

    def shorten(self, text: object, size: float, room: float, *, bold: bool = False) -> str:
        """Return clean text that fits, its middle replaced by an ellipsis: names often differ at their ends."""
        whole = self.clean(text)
        if self.width(whole, size, bold=bold) <= room:
            return whole
        low, high = 0, len(whole)
        while low < high:
            keep = (low + high + 1) // 2
            if self.width(_middle(whole, keep), size, bold=bold) <= room:
                low = keep
            else:
                high = keep - 1
        return _middle(whole, low)


def _fill(pieces: list[str], fits: Callable[[str], bool]) -> list[str]:
    """Put pieces on lines, splitting inside a piece only where it fills a line alone."""
    lines = [""]
    for piece in pieces:
        for part in [piece] if fits(piece.rstrip()) else piece:
            if lines[-1] and not fits((lines[-1] + part).rstrip()):
                lines.append("")
            lines[-1] += part
    return lines


def _middle(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return f"{text[:head]}…{text[len(text) - (keep - head) :]}"


@lru_cache(maxsize=1)
def typeface() -> Typeface:
    """Register the fonts, once per process."""
    glyphs = _register(REGULAR, "Vera.ttf") & _register(BOLD, "VeraBd.ttf")
    try:
        fallback = _register(_FALLBACK, "DejaVuSans.ttf") & _register(_FALLBACK_BOLD, "DejaVuSans-Bold.ttf")
    except TTFError:  # not on this system
        fallback = frozenset()
    return Typeface(glyphs, fallback)


def _register(name: str, file: str) -> frozenset[int]:
    font = TTFont(name, file)
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)
