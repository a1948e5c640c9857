"""Words and text from anybody's program, made safe and short to show; needs nothing that is slow to import."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"


class Says(str):
    """Why something is not what is required; apart from that, in which way all of it differs, where that is seen."""

    relation: str

    def __new__(cls, text: str, relation: str = "") -> Says:
        self = super().__new__(cls, text)
        self.relation = relation
        return self


# Categories: control, format (bidirectional marks, zero width), surrogate, private, unassigned, line and paragraph
# separators. The four letters are blank although they count as letters, the mark joins without being seen.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN = frozenset("\u034f\u115f\u1160\u3164\uffa0")


def clean(text: str, limit: int = 200, *, multiline: bool = False) -> str:
    """Escape everything that a terminal or a page would act upon, and cut to `limit` characters and an ellipsis.

    Newlines and tabs stay only when `multiline`.

    Example:
        >>> clean("red\\x1b[31m")
        'red\\\\x1b[31m'
    """
    shown: list[str] = []
    room = limit
    for character in text[: limit + 1]:
        piece = character if _is_plain(character) or (multiline and character in "\n\t") else _escaped(character)
        room -= len(piece)
        if room < 0:
            return "".join(shown) + ELLIPSIS
        shown.append(piece)
    return "".join(shown)


def _is_plain(character: str) -> bool:
    if " " <= character < "\x7f":
        return True
    return unicodedata.category(character) not in _ACTING and character not in _UNSEEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def quote(text: str | bytes, limit: int = 60) -> str:
    """Return the text between quotation marks, bounded and escaped."""
    if isinstance(text, bytes):
        return f"b'{clean(repr(text[: limit + 1])[2:-1], limit)}'"
    return f"'{clean(text, limit)}'"


def plural(count: int, noun: str) -> str:
    """Return the count and its noun: `1 entry`, `2 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") and noun != "key" else f"{count} {noun}s"


def names(items: Sequence[str], limit: int = 3) -> str:
    """Return the first few names, and how many more there are."""
    shown = [clean(item, 60) for item in items[:limit]]
    more = len(items) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
