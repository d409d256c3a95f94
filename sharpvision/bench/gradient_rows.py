"""Part of suite `render`: derivatives and coverage of every gradient scene against references of another make.

A case is a scene: its reference and finite differences are made once, then every mode is held against them. Rows:
`gradient/SCENE/PARAMETER` (`relative_error_percent` |g - ref| / |ref| over the whole parameter; `fd_error_percent` of
the reference itself against finite differences, with their standard error `fd_noise_percent`; of `vertices` also
`cosine_to_fd` and `norm_error_percent`), `gradient_vertex/SCENE` (shares of single silhouette vertices within 5 and 15
% of the reference) and `coverage/SCENE` (`rms_to_area_sampled` over the pixels that a visible line crosses).

`cosine_to_fd` is the cosine to the reference: a finite difference for each of thousands of vertices is not affordable,
so the reference, itself held against finite differences along three smooth displacements of all vertices, stands in.
Gradients of vertices at one place (the two sides of a seam in a file) are added up before they are compared: which copy
carries the line is a convention, since moving one alone tears the surface.
"""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sharpvision.bench.gradient_scenes import GEOMETRY, HARD, SCENES, SIZE, scene_parameters
from sharpvision.bench.suite import Case, MeasuredRow, Measurement, Options

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.bench.gradient_reference import Prepared, Reference
    from sharpvision.bench.gradient_rendered import Rendered

LEAST_SILHOUETTE_PX = 1.0


def modes_of(scene: str) -> tuple[str, ...]:
    """Modes that a scene is rendered in; what the light, the material and the lens do is asked of the first alone."""
    return ("accurate", "default") if scene in HARD else ("default", "fast")


def rows_of(scene: str) -> list[str]:
    """Names of the rows that a scene makes."""
    own = [f"gradient/{scene}/{name}" for name in scene_parameters(scene)]
    return [*own, f"gradient_vertex/{scene}", f"coverage/{scene}"]


def cases(options: Options) -> list[Case]:
    """One case a scene; `--case` leaves only finite differences of the rows that it names."""
    wanted = list(options.cases) or ["*"]
    settings = {"size": SIZE, "dtype": "float32"}
    return [Case("render", f"gradient/{s}", "warp", settings, {"rows": rows_of(s), "wanted": wanted}) for s in SCENES]


def run(case: Case, seed: int) -> Measurement:
    """`seconds`: reference, finite differences and renderings."""
    import torch

    from sharpvision.bench.gradient_differences import differences_of
    from sharpvision.bench.gradient_reference import prepared, reference_of
    from sharpvision.bench.gradient_rendered import differentiated
    from sharpvision.bench.gradient_scenes import scene_named

    torch.set_num_threads(1)
    scene = scene_named(case.case.split("/")[1])
    started = time.perf_counter()
    ready = prepared(scene)
    reference = reference_of(ready)

    def wanted(row: str) -> bool:
        return any(fnmatchcase(row, pattern) for pattern in case.source["wanted"])

    checks = {}
    for name in scene.parameters:
        if wanted(f"gradient/{scene.name}/{name}"):
            found = differences_of(ready, name)
            checks[name] = {
                "fd_error_percent": found.error_percent(reference.gradient[name]),
                "fd_noise_percent": found.noise_percent,
            }
    rows: list[MeasuredRow] = []
    for index, mode in enumerate(modes_of(scene.name)):
        result = differentiated(scene, mode, ready.target)
        for name in checks:
            if index == 0 or name in GEOMETRY:
                metrics = gradient_metrics(name, result, ready, reference) | checks[name]
                rows.append(MeasuredRow(f"gradient/{scene.name}/{name}", metrics, {"mode": mode}))
        for name, measure in (("gradient_vertex", vertex_metrics), ("coverage", coverage_metrics)):
            if wanted(f"{name}/{scene.name}"):
                rows.append(MeasuredRow(f"{name}/{scene.name}", measure(result, ready, reference), {"mode": mode}))
    return Measurement({}, time.perf_counter() - started, rows=tuple(rows))


def gradient_metrics(name: str, result: Rendered, ready: Prepared, reference: Reference) -> dict[str, float]:
    """Errors of one parameter's gradient, in percent of the reference's norm."""
    found, expected = result.gradient[name], reference.gradient[name]
    if name == "vertices":
        found, expected = by_place(found, ready), by_place(expected, ready)
    metrics = {"relative_error_percent": 100 * float((found - expected).norm() / expected.norm())}
    if name == "vertices":
        metrics["cosine_to_fd"] = float((found * expected).sum() / found.norm() / expected.norm())
        metrics["norm_error_percent"] = 100 * abs(float(found.norm() / expected.norm()) - 1)
    return metrics


def by_place(values: Tensor, ready: Prepared) -> Tensor:
    """Sums over vertices at one place, one row for each distinct place."""
    place = ready.topology.place
    return values.new_zeros(int(place.max()) + 1, *values.shape[1:]).index_add(0, place, values)


def vertex_metrics(result: Rendered, ready: Prepared, reference: Reference) -> dict[str, float]:
    """Of all vertices with at least a pixel of visible silhouette beside them: how many have the right gradient."""
    found, expected = (by_place(v.gradient["vertices"], ready) for v in (result, reference))
    chosen = by_place(reference.silhouette_px, ready) >= LEAST_SILHOUETTE_PX
    error = ((found - expected).norm(dim=1) / expected.norm(dim=1))[chosen]
    return {
        "within_5_percent": 100 * float((error <= 0.05).double().mean()),
        "within_15_percent": 100 * float((error <= 0.15).double().mean()),
        "vertices": float(chosen.sum()),
    }


def coverage_metrics(result: Rendered, ready: Prepared, reference: Reference) -> dict[str, float]:
    """Root mean square difference to the area-sampled image, over pixels with a visible line and over all."""
    error = (result.image - ready.image).square()
    lines = error[reference.line_pixels]
    return {
        "rms_to_area_sampled": float(lines.mean().sqrt()),
        "rms_of_all_pixels": float(error.mean().sqrt()),
        "largest_error": float(lines.max().sqrt()),
    }
