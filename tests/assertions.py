"""Tells whether a test can fail; `conftest.py` refuses those that cannot."""

from __future__ import annotations

import ast
import textwrap

# Calls that raise where what they check does not hold.
CHECKS = ("assert", "check", "gradcheck", "raises", "warns", "fail", "expect")


def can_fail(source: str) -> bool:
    """Whether the source of a test holds an assertion, or a call whose name says that it checks.

    A constant that is asserted (`assert True`) is none.
    """
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name.lstrip("_").startswith(CHECKS):
                return True
    return False
