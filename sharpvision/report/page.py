"""`report.html`: one self-contained page about a photometric solution, with the object relit under the pointer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from sharpvision.report.page_capture import capture_figures
from sharpvision.report.page_inputs import Contact, comparison, contact_strip
from sharpvision.report.page_maps import map_cards
from sharpvision.report.page_mesh import Camera, pack_mesh, surface_mesh
from sharpvision.report.page_pictures import DIVERGING, data_uri, gradient
from sharpvision.report.page_plots import calibration, convergence
from sharpvision.report.page_relight import Material, direction, fitted_material, pack, poster
from sharpvision.report.page_subject import Subject, subject
from sharpvision.report.result import plain, versions
from sharpvision.solvers.solution import Solution, Status

SCRIPTS = ("webgl.js", "brdf.js", "relight.js", "mesh_viewer.js", "page.js")
METHODS = {
    "least_squares": "least squares", "robust": "robust", "physics": "analysis by synthesis",
    "uncalibrated": "lights unknown, then analysis by synthesis",
}  # fmt: skip
HEADLINES = {
    "mean_angular_error_deg": "mean angular error",
    "median_angular_error_deg": "median",
    "p90_angular_error_deg": "90th percentile",
}
SHARES = {"physics": "physics", "residual": "learned residual", "neither": "neither"}


def build_page(solution: Solution, figures: Mapping[str, Any], findings: Any = None) -> str:
    """The page as HTML: style, scripts, pictures and geometry inside, no request to anywhere, for any solution.

    `findings` of a prepared capture get a section of their own.

    `figures` are the plain numbers and words of `result.json`; where a solution lacks a part (depth, std, truth,
    predicted images, history), its section is left out. Names from outside are escaped.
    """
    shown = subject(solution)
    figures = {**plain(solution.figures), **_errors(shown), **plain(figures)}
    material = fitted_material(solution, shown)
    mesh = surface_mesh(shown, _camera(solution, shown))
    compared = comparison(solution, shown)
    context = {
        "name": shown.name,
        "method": METHODS.get(solution.method, solution.method),
        "status": _status(solution),
        "facts": _facts(solution),
        "headlines": [(label, _degrees(figures[key])) for key, label in HEADLINES.items() if key in figures],
        "notes": list(solution.notes),
        "relight": _relight(material),
        "maps": map_cards(solution, shown),
        "contacts": _contacts(solution, shown),
        "light_count": getattr(solution.observations, "light_count", 0),
        "capture": capture_figures(findings, solution),
        "compared": compared,
        "difference_gradient": gradient(DIVERGING),
        "mesh": None if mesh is None else pack_mesh(mesh),
        "shape": shown.mask.shape,
        "calibration": _calibration(shown),
        "convergence": _markup(convergence(solution.history)),
        "shares": _shares(solution.explained),
        "tables": _tables(solution, figures),
        "style": Markup(_template("page.css")),
        "script": Markup("\n".join(_template(name) for name in SCRIPTS)),
    }
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("photometric.html.j2").render(context)


def _contacts(solution: Solution, shown: Subject) -> list[Contact]:
    if solution.observations is None:
        return []
    return contact_strip(solution.observations, shown, solution.values.get("light_directions"))


def _template(name: str) -> str:
    return (files("sharpvision.report") / "templates" / name).read_text(encoding="utf-8")


def _markup(svg: str | None) -> Markup | None:
    return None if svg is None else Markup(svg)


def _status(solution: Solution) -> dict[str, str]:
    status = Status(solution.status)
    tone = {Status.CONVERGED: "good", Status.DIVERGED: "bad", Status.ILL_POSED: "bad"}.get(status, "fair")
    return {"word": status.value.replace("_", " "), "advice": status.advice, "message": solution.message, "tone": tone}


def _facts(solution: Solution) -> list[str]:
    """The line under the name: how many photographs, how large, how long."""
    observations = solution.observations
    facts = []
    if observations is not None:
        height, width = observations.shape
        facts += [f"{observations.light_count} photographs", f"{width} × {height} pixels"]
    if solution.seconds > 0:
        facts.append(f"{solution.seconds:.1f} s" if solution.seconds < 60 else f"{solution.seconds / 60:.1f} min")
    return facts


def _errors(shown: Subject) -> dict[str, float]:
    """The figures of the headline; `result.json` holds the same."""
    if shown.error_deg is None:
        return {}
    known = shown.error_deg[np.isfinite(shown.error_deg)]
    values = (known.mean(dtype=np.float64), *np.percentile(known, (50, 90)))
    return dict(zip(HEADLINES, map(float, values), strict=True))


def _relight(material: Material) -> dict[str, Any]:
    packed = pack(material)
    gloss = bool(material.alpha)
    modes = [(0, "Fitted material" if gloss or material.rough is not None else "Lambertian fit")]
    if gloss:
        modes.append((1, "Diffuse only"))
    height, width = material.cover.shape
    return {
        "packed": packed,
        "modes": [*modes, (2, "Normals"), (3, "Clay")],
        "poster": data_uri(poster(material, direction(-0.45, 0.5))),
        "aspect": (width, height),
        "relief": material.height is not None,
    }


def _camera(solution: Solution, shown: Subject) -> Camera:
    observations = solution.observations
    focal = getattr(observations, "focal_px", None)
    if focal is None or solution.figures.get("depth_model") != "perspective":
        return Camera()
    height, width = observations.shape
    x, y = observations.principal_point or (width / 2, height / 2)
    return Camera(float(focal), (x - shown.window[1].start, y - shown.window[0].start))


def _calibration(shown: Subject) -> dict[str, Any] | None:
    if shown.std_deg is None or shown.error_deg is None:
        return None
    made = calibration(shown.std_deg, shown.error_deg)
    return None if made is None else {"svg": Markup(made[0]), "share": f"{100 * made[1]:.0f}"}


def _shares(explained: Mapping[str, float]) -> list[dict[str, Any]]:
    """Shares of the observed energy in their order, as percent; empty unless they are finite."""
    known = [(label, float(explained[key])) for key, label in SHARES.items() if key in explained]
    if not known or not all(math.isfinite(value) for _, value in known):
        return []
    return [
        {"label": label, "width": 100 * min(max(value, 0.0), 1.0), "percent": f"{100 * value:.2f}"}
        for label, value in known
    ]


def _tables(solution: Solution, figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles and rows of the tables; empty tables are left out."""
    tables = {"Figures": figures, "Settings": plain(solution.settings), "Versions": versions()}
    return [(title, list(_rows(content))) for title, content in tables.items() if content]


def _rows(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        degrees = str(key).endswith("_deg")
        name = f"{prefix}{str(key).removesuffix('_deg').replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _rows(value, f"{name} · ")
        else:
            rows.append((name, _words(value) + ("°" if degrees and value is not None else "")))
    return rows


def _words(value: Any) -> str:
    """A figure as a reader would write it.

    >>> _words(0.123456), _words([1, 2.5]), _words(None), _words(True), _words(1234567)
    ('0.1235', '1, 2.5', 'unknown', 'yes', '1 234 567')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    if isinstance(value, list | tuple):
        rest = f", … ({len(value)} in all)" if len(value) > 12 else ""
        return ", ".join(_words(entry) for entry in value[:12]) + rest
    return str(value)


def _degrees(value: Any) -> str:
    return f"{value:.2f}°" if isinstance(value, int | float) and math.isfinite(value) else "unknown"
