"""BRDFs of the rendered suites, in NumPy and float64, written from the papers and sharing no code with `materials/`
or `kernels/`.

All take cosines or unit vectors that broadcast, and return f(wi, wo) with its 1/pi, without the cosine of the light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def dot(a: Array, b: Array) -> Array:
    """Inner product over the last axis."""
    return np.einsum("...i,...i->...", a, b)


def ggx(normal: Array, light: Array, view: Array, alpha: float, f0: Array) -> Array:
    """Microfacet reflection: D (GGX) G (Smith, height-correlated) F (Schlick) / (4 n.l n.v), one value a channel.

    D = a^2 / (pi ((n.h)^2 (a^2 - 1) + 1)^2); G / (4 n.l n.v) = 0.5 / (n.v sqrt(a^2 + (1 - a^2) (n.l)^2) + n.l
    sqrt(..n.v..)). `normal`, `light`, `view` (..., 3) unit; `f0` (..., 3) reflectance at normal incidence. Zero where
    n.l or n.v <= 0. Walter et al. 2007; Heitz 2014 (equation 99); Schlick 1994.

    >>> up = np.array([0.0, 0.0, 1.0])
    >>> float(ggx(up, up, up, 0.5, np.full(3, 0.04))[0].round(6)) == round(0.04 / (np.pi * 0.25) / 4, 6)
    True
    """
    half = light + view
    half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-12)
    nl, nv, nh, vh = dot(normal, light), dot(normal, view), dot(normal, half), dot(view, half)
    lit = (nl > 0) & (nv > 0)
    nl, nv = np.maximum(nl, 1e-6), np.maximum(nv, 1e-6)
    a2 = alpha * alpha
    distribution = a2 / (np.pi * (nh * nh * (a2 - 1.0) + 1.0) ** 2)
    masking = 0.5 / (nv * np.sqrt(a2 + (1.0 - a2) * nl * nl) + nl * np.sqrt(a2 + (1.0 - a2) * nv * nv))
    fresnel = f0 + (1.0 - f0) * (1.0 - np.clip(vh, 0.0, 1.0))[..., None] ** 5
    return np.where(lit, distribution * masking, 0.0)[..., None] * fresnel


def lambert(albedo: Array) -> Array:
    """Ideal diffuse reflection, albedo / pi."""
    return albedo / np.pi


def oren_nayar(normal: Array, light: Array, view: Array, albedo: Array, variance: float) -> Array:
    """Rough diffuse reflection, the full model with its interreflection term (Oren and Nayar 1994, equations 30 and
    31).

    `variance` is sigma^2 of the facets' slope angle in radians^2, `albedo` (..., 3). With variance 0 it is Lambert.

    >>> up, l = np.array([0.0, 0.0, 1.0]), np.array([0.6, 0.0, 0.8])
    >>> bool(np.allclose(oren_nayar(up, l, up, np.full(3, 0.5), 0.0), 0.5 / np.pi))
    True
    """
    ci, cr = np.clip(dot(normal, light), 0.0, 1.0), np.clip(dot(normal, view), 0.0, 1.0)
    ti, tr = np.arccos(ci), np.arccos(cr)
    a, b = np.maximum(ti, tr), np.minimum(ti, tr)
    # Azimuth between light and view: their parts tangent to the surface; it has no meaning (and no effect) at the pole.
    lt, vt = light - ci[..., None] * normal, view - cr[..., None] * normal
    cos_phi = dot(lt, vt) / np.maximum(np.linalg.norm(lt, axis=-1) * np.linalg.norm(vt, axis=-1), 1e-9)
    cos_phi = np.clip(cos_phi, -1.0, 1.0)
    c1 = 1.0 - 0.5 * variance / (variance + 0.33)
    c2 = 0.45 * variance / (variance + 0.09) * np.where(cos_phi >= 0, np.sin(a), np.sin(a) - (2.0 * b / np.pi) ** 3)
    c3 = 0.125 * variance / (variance + 0.09) * (4.0 * a * b / np.pi**2) ** 2
    tan_b, tan_half = np.tan(np.minimum(b, 1.55)), np.tan(np.minimum(0.5 * (a + b), 1.55))
    single = c1 + cos_phi * c2 * tan_b + (1.0 - np.abs(cos_phi)) * c3 * tan_half
    twice = 0.17 * variance / (variance + 0.13) * (1.0 - cos_phi * (2.0 * b / np.pi) ** 2)
    return (single[..., None] * albedo + twice[..., None] * albedo**2) / np.pi
