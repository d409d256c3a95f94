"""Suite `photometric-rendered`: materials and rigs that the solver must cope with under one setting, with exact truth."""

from __future__ import annotations

from sharpvision.bench.rendered import RenderedScene

NEAR = 0.06

SCENES = {
    "glossy_distant": RenderedScene("glossy", "sphere", 0.0, seed=1),
    "glossy_near": RenderedScene("glossy", "sphere", NEAR, seed=2),
    "rough_distant": RenderedScene("rough", "sphere", 0.0, seed=3),
    "rough_near": RenderedScene("rough", "bumpy", NEAR, seed=4),
    "metal_distant": RenderedScene("metal", "sphere", 0.0, seed=5),
    "mixed_near": RenderedScene("mixed", "bumpy", NEAR, seed=6),
}
