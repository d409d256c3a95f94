"""The rough material of the example captures against the package's own formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpvision.materials.oren_nayar import oren_nayar_brdf


@pytest.mark.mitsuba
@pytest.mark.parametrize("variance", [0.0, 0.25, 0.6])
def test_rough_diffuse_is_oren_and_nayars(variance: float) -> None:
    mi = pytest.importorskip("mitsuba", reason="the extra 'mitsuba' is not installed")
    mi.set_variant("scalar_rgb")
    from scenes.capture_rough import rough_diffuse

    mi.register_bsdf("rough_diffuse", rough_diffuse())
    albedo = [0.5, 0.4, 0.3]
    colour = {"type": "rgb", "value": albedo}
    chart = {"type": "checkerboard", "color0": colour, "color1": colour}
    material = mi.load_dict({"type": "rough_diffuse", "variance": variance, "reflectance": chart})
    rng = np.random.default_rng(5)
    normal, rho, spread = (torch.tensor(v, dtype=torch.float64) for v in ([0.0, 0.0, 1.0], albedo, variance))
    for direction in rng.standard_normal((20, 2, 3)):
        to_view, to_light = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        to_view[2] = abs(to_view[2])
        seen = mi.SurfaceInteraction3f()
        seen.wi = mi.Vector3f(to_view.tolist())
        found = np.array(material.eval(mi.BSDFContext(), seen, mi.Vector3f(to_light.tolist()), True))
        brdf = oren_nayar_brdf(normal, torch.from_numpy(to_light), torch.from_numpy(to_view), rho, spread)
        expected = brdf.numpy() * max(to_light[2], 0.0)  # f cos, nothing from below
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
