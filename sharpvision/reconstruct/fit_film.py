"""A film of a fit: what the scene looks like after every few steps, beside the photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from sharpvision.data import write_film
from sharpvision.solvers import Problem, Step
from sharpvision.solvers.problem import Unknowns

Draw = Callable[[Unknowns], Tensor]


class FitFilm:
    """Collects `frames` (H, W, C), linear, while a problem is solved: one every `every` steps of the solver.

    A task takes it as its argument `film`, and draws in each frame the photograph on the left and the fit on the right,
    of several views the first. `write` makes a `.webp` or a `.gif` of it.
    """

    def __init__(self, every: int = 2) -> None:
        self.every, self.steps = every, 0
        self.frames: list[Tensor] = []
        self._last: Unknowns | None = None
        self._draw: Draw | None = None

    def watch(self, problem: Problem, draw: Draw) -> Problem:
        """The problem, with its unknowns seen by this film; `draw` makes a frame of them."""
        self._draw, self._last = draw, problem.unknowns
        if not self.frames:
            self._shoot()
        return _Watched(**{f.name: getattr(problem, f.name) for f in fields(Problem)}, film=self)

    def see(self, unknowns: Unknowns) -> None:
        """Remember where the solver evaluated last."""
        self._last = {name: u.detach() for name, u in unknowns.items()}

    def __call__(self, step: Step) -> None:
        """The callback of `solve`."""
        self.steps += 1
        if self.steps % self.every == 0:
            self._shoot()

    def _shoot(self) -> None:
        if self._draw is not None and self._last is not None:
            with torch.no_grad():
                self.frames.append(self._draw(self._last).detach().cpu())

    def write(self, path: str | Path, fps: float = 12.0) -> Path:
        """Write the frames, all padded to the size of the largest; see `write_film`."""
        height = max((frame.shape[0] for frame in self.frames), default=0)
        width = max((frame.shape[1] for frame in self.frames), default=0)
        return write_film(path, [_enlarged(frame, height, width) for frame in self.frames], fps)


def side_by_side(image: Tensor, rendering: Tensor) -> Tensor:
    """A frame (H, 2 W, 3) of a photograph and a rendering (H, W, C) or of the first of several (B, H, W, C)."""
    pair = [picture[0] if picture.dim() == 4 else picture for picture in (image, rendering)]
    frame = torch.cat(pair, 1)
    return frame if frame.shape[-1] == 3 else frame[..., :1].expand(*frame.shape[:-1], 3)


def _enlarged(frame: Tensor, height: int, width: int) -> Tensor:
    """A frame blown up by a whole factor where it fits, and padded with black."""
    factor = max(1, min(height // frame.shape[0], width // frame.shape[1]))
    frame = frame.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    below, right = height - frame.shape[0], width - frame.shape[1]
    return torch.nn.functional.pad(frame, (0, 0, 0, right, 0, below))


@dataclass(frozen=True)
class _Watched(Problem):
    """A problem that shows a film where its value is asked for, which solvers do at plain points only."""

    film: FitFilm | None = None

    def value(self, unknowns: Unknowns) -> Tensor:
        """See `Problem.value`."""
        if self.film is not None:
            self.film.see(unknowns)
        return super().value(unknowns)
