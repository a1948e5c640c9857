"""One change of a program's text: a node of its syntax tree, and what stands there instead."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """New text for one node; `says` is how it is told where the text itself would not be clear."""

    node: Any
    new: str
    says: str = ""
    trap: bool = False


class Source:
    """The text of an exercise's definition, by node."""

    def __init__(self, text: str) -> None:
        self.text = text

    def of(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ""

    def operand(self, node: ast.AST) -> str:
        """The text of a node, in parentheses unless it cannot need any."""
        simple = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict, ast.Tuple)
        text = self.of(node)
        return text if isinstance(node, simple) and text.strip() and not isinstance(node, ast.Tuple) else f"({text})"
