"""`sv.Shade` against closed forms and quadrature, inside a model, compiled, mapped, and in bfloat16."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call

import sharpvision as sv
from sharpvision.materials import lobes_brdf
from sharpvision.materials.surface import Lobes

KINDS = [(m, l) for m in ("lambert", "ggx") for l in ("directional", "sh2")]


def inputs(count: int = 7, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(3)
    n, other = (torch.randn(count, 3, generator=g, dtype=dtype) for _ in range(2))
    n = torch.nn.functional.normalize(n, dim=1)
    return n, n + 0.4 * other, torch.rand(count, 3, generator=g, dtype=dtype)


def lit(material: str, light: str) -> sv.Shade:
    shade = sv.Shade(material, light)
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in shade.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=g))
    return shade


def test_directional_light_is_brdf_times_irradiance() -> None:
    shade = lit("ggx", "directional").double()
    n, wo, albedo = inputs(dtype=torch.float64)
    wi = shade.light.direction
    lobes = Lobes(albedo, shade.f0, shade.roughness)
    f = lobes_brdf(n, wi, torch.nn.functional.normalize(wo, dim=1), lobes)
    expected = f * shade.light.irradiance * (n @ wi).clamp(min=0)[:, None]
    torch.testing.assert_close(shade(n, wo, albedo), expected)


def test_both_lights_start_with_the_same_irradiance() -> None:
    up = torch.tensor([[0.0, 0.0, 1.0]])
    for light in ("directional", "sh2", "sh3"):
        value = sv.Shade("lambert", light)(up, up, torch.ones(3))
        torch.testing.assert_close(value, torch.full((1, 3), 1 / torch.pi))


def test_what_the_caller_hands_over_replaces_the_parameters() -> None:
    shade, (n, wo, albedo) = lit("ggx", "sh2"), inputs()
    roughness, f0 = torch.rand(7), torch.rand(7, 3)
    handed = shade(n, wo, albedo, roughness, f0)
    for k in range(7):
        torch.testing.assert_close(handed[k], shade(n[k], wo[k], albedo[k], roughness[k], f0[k]))


@pytest.mark.parametrize(("material", "light"), KINDS)
def test_gradients_and_tangents(material: str, light: str) -> None:
    shade = lit(material, light).double()
    names = [name for name, _ in shade.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in shade.parameters()]

    def function(*v: Tensor) -> Tensor:
        return functional_call(shade, dict(zip(names, v[3:], strict=True)), v[:3])

    n, wo, albedo = (v.requires_grad_() for v in inputs(2, torch.float64))
    assert gradcheck(function, (n, wo, albedo, *values), check_forward_ad=True, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("material", "light"), KINDS)
def test_zero_normals_and_grazing_views_are_finite(material: str, light: str) -> None:
    shade = lit(material, light)
    n = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]).requires_grad_()
    wo = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 0, -1], [0, 0, 0]]).requires_grad_()
    value = shade(n, wo, torch.ones(3))
    gradients = torch.autograd.grad(value.sum(), [n, wo, *shade.parameters()], allow_unused=True)
    assert all(bool(v.isfinite().all()) for v in (value, *gradients) if v is not None)
    assert value[0].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("material", "light"), [("ggx", "sh2"), ("ggx", "directional")])
def test_vmap_and_jvp(material: str, light: str) -> None:
    shade, arguments = lit(material, light), inputs()
    whole = shade(*arguments)
    torch.testing.assert_close(torch.vmap(shade)(*arguments), whole)
    torch.testing.assert_close(shade(*(v.view(7, 1, 3) for v in arguments)), whole.view(7, 1, 3))
    _, change = torch.func.jvp(lambda a: shade(arguments[0], arguments[1], a), arguments[2:], arguments[2:])
    less = shade(*arguments[:2], torch.zeros(3))
    torch.testing.assert_close(change, whole - less, rtol=1e-4, atol=1e-6)  # linear in the albedo


class Relight(nn.Module):
    """Somebody's own model: a network predicts normals, albedo and roughness; physics shades them."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(5, 7)
        self.shade = sv.Shade("ggx", "sh2")

    def forward(self, features: Tensor) -> Tensor:
        out = self.network(features)
        view = torch.zeros_like(out[..., :3]) + out.new_tensor([0.0, 0.0, 1.0])
        return self.shade(out[..., :3], view, out[..., 3:6].sigmoid(), out[..., 6].sigmoid())


COMPILED = """
import torch
import sharpvision as sv
for material, light in (("ggx", "sh2"), ("lambert", "directional")):
    shade = sv.Shade(material, light)
    values = [torch.rand(2, 6, 3, requires_grad=True) for _ in range(3)]
    results = []
    for module in (shade, torch.compile(shade, fullgraph=True, backend="aot_eager")):
        out = module(*values)
        inputs = [*values, *shade.parameters()]
        results.append([out, *torch.autograd.grad(out.square().sum(), inputs, allow_unused=True)])
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs)
print("same")
"""


def test_compiles_as_a_whole() -> None:
    """In an interpreter of its own: here the checker of types wraps every function, which a compiler can't trace."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["same"], done.stderr[-2000:]


def test_autocast_keeps_the_arithmetic_in_float32() -> None:
    model, features = Relight(), torch.rand(2, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        out = model(features)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, model(features), rtol=0.05, atol=0.02)
    out.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="lambert or ggx, not 'gold'"):
        sv.Shade("gold")
    with pytest.raises(ValueError, match="not 'sh9'"):
        sv.Shade("lambert", "sh9")


def test_touching_it_loads_neither_kernels_nor_readers() -> None:
    code = "import sharpvision as sv, sys; sv.Shade; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sharpvision.shade" in loaded
    assert not {"warp", "scipy", "kornia", "trimesh", "cv2", "pydantic"} & loaded
