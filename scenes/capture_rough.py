"""Oren and Nayar's rough diffuse reflection as a material for Mitsuba, which has none."""

from __future__ import annotations

from typing import Any

import drjit as dr
import mitsuba as mi


def rough_diffuse() -> type:
    """Mitsuba BSDF `rough_diffuse` with the texture `reflectance` and the `variance` s^2 of the facets' slope angles.

        f = rho / pi (A + B max(cos(phi_i - phi_o), 0) sin(alpha) tan(beta)),
        A = 1 - s^2 / (2 (s^2 + 0.33)), B = 0.45 s^2 / (s^2 + 0.09),

    alpha the larger and beta the smaller of the angles of light and view to the normal (Oren and Nayar 1994).
    """

    class RoughDiffuse(mi.BSDF):
        def __init__(self, properties: mi.Properties) -> None:
            super().__init__(properties)
            variance = float(properties["variance"])
            self.reflectance = properties["reflectance"]
            self.a = 1.0 - 0.5 * variance / (variance + 0.33)
            self.b = 0.45 * variance / (variance + 0.09)
            flags = mi.BSDFFlags.DiffuseReflection | mi.BSDFFlags.FrontSide
            self.m_components, self.m_flags = [flags], flags

        def times_cosine(self, si: Any, wo: Any) -> Any:
            """f times the cosine of the outgoing direction, for directions on the front."""
            cosine_in, cosine_out = mi.Frame3f.cos_theta(si.wi), mi.Frame3f.cos_theta(wo)
            across = si.wi.x * wo.x + si.wi.y * wo.y  # sin sin cos(phi_i - phi_o)
            oren = dr.maximum(across, 0.0) / dr.maximum(dr.maximum(cosine_in, cosine_out), 1e-6)
            return self.reflectance.eval(si) * ((self.a + self.b * oren) * cosine_out * dr.inv_pi)

        def sample(self, ctx: Any, si: Any, sample1: Any, sample2: Any, active: Any) -> tuple[Any, Any]:
            wo = mi.warp.square_to_cosine_hemisphere(sample2)
            drawn = dr.zeros(mi.BSDFSample3f)
            drawn.wo, drawn.pdf, drawn.eta = wo, mi.warp.square_to_cosine_hemisphere_pdf(wo), 1.0
            drawn.sampled_type, drawn.sampled_component = mi.UInt32(+mi.BSDFFlags.DiffuseReflection), 0
            front = active & (mi.Frame3f.cos_theta(si.wi) > 0.0) & (drawn.pdf > 0.0)
            return drawn, dr.select(front, self.times_cosine(si, wo) / drawn.pdf, 0.0)

        def eval(self, ctx: Any, si: Any, wo: Any, active: Any) -> Any:
            front = active & (mi.Frame3f.cos_theta(si.wi) > 0.0) & (mi.Frame3f.cos_theta(wo) > 0.0)
            return dr.select(front, self.times_cosine(si, wo), 0.0)

        def pdf(self, ctx: Any, si: Any, wo: Any, active: Any) -> Any:
            front = active & (mi.Frame3f.cos_theta(si.wi) > 0.0) & (mi.Frame3f.cos_theta(wo) > 0.0)
            return dr.select(front, mi.warp.square_to_cosine_hemisphere_pdf(wo), 0.0)

        def eval_pdf(self, ctx: Any, si: Any, wo: Any, active: Any) -> tuple[Any, Any]:
            return self.eval(ctx, si, wo, active), self.pdf(ctx, si, wo, active)

        def to_string(self) -> str:
            return "RoughDiffuse[]"

    return RoughDiffuse
