"""Templates of pages, and what makes text harmless as it enters one: escaped by default, for HTML and for Markdown."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from grader.report.look import points
from grader.words import clean

SHOWN = 6000  # characters of one text: a message with all its parts is shorter
_SPECIAL = re.compile(r"([\\`*_\[\]<>&~|$#@]|:(?=//)|(?<=www)\.)")
_LEADING = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


class Ready(str):
    """Text that is Markdown already."""


def inline(value: object) -> str:
    """Text for the middle of a line of Markdown, with nothing in it that is markup."""
    if isinstance(value, Ready):
        return value
    line = _SPECIAL.sub(r"\\\1", " ".join(clean(" ".join(str(value).split()), SHOWN).split()))
    return _LEADING.sub(lambda found: f"\\{found[0]}" if not found[0].isdigit() else f"{found[0]}\\", line)


def fenced(text: str, indent: str = "") -> Ready:
    """Lines of text as they are, within a fence longer than any inside."""
    lines = clean(text, SHOWN, multiline=True).strip("\n").split("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return Ready("\n".join(indent + line for line in (f"{fence}text", *lines, fence)))


def code(name: str) -> Ready:
    """A name of the course's own (letters, digits, / and _) as code."""
    return Ready(f"`{re.sub('[^A-Za-z0-9_./ -]', '', name)}`")


@lru_cache
def template(name: str) -> Any:
    """A template by name; what enters it is made harmless for HTML, or for Markdown, as its name says."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value, SHOWN, multiline=True)

    is_html = name.endswith(".html.jinja")
    environment = Environment(
        loader=PackageLoader("grader.report"), autoescape=is_html, finalize=shown if is_html else inline,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"fenced": fenced, "code": code, "points": points}
    return environment.get_template(name)
