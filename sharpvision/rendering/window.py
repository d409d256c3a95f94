"""A strip of an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """`rows` rows of the image from row `top` on, over its whole width."""

    top: int
    rows: int
