"""Every operation of kernels while it is traced: registered as torch wants it, and the same as eager."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from jaxtyping import AbstractArray
from operation_cases import CASES, of_interpolate
from torch import Tensor, fx

import sharpvision
from sharpvision.kernels.custom_ops import OPERATIONS


@pytest.mark.parametrize("name", CASES)
def test_compiled_as_a_whole_is_eager(name: str) -> None:
    torch.compiler.reset()  # each case compiles `loss` anew
    case = CASES[name]()
    inputs = [v.clone().requires_grad_(not case.fixed) for v in case.inputs]

    def loss(*values: Tensor) -> Tensor:
        return case.function(*(1.5 * v for v in values)).sin().square().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    mine, expected = compiled(*inputs), loss(*inputs)
    torch.testing.assert_close(mine, expected)
    if not case.fixed:
        found, wanted = (torch.autograd.grad(v, inputs) for v in (mine, expected))
        for ours, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore")  # of torch, about its own ways, while it tries frame after frame
@pytest.mark.parametrize("transform", ["jvp", "grad", "vmap"])
def test_transforms_break_the_graph(transform: str) -> None:
    """Operations of torch.library have no tangent, which torch takes for zero without a word."""
    case = of_interpolate()

    def transformed(p: Tensor, a: Tensor) -> Tensor:
        of_values = partial(case.function, p)
        if transform == "jvp":
            return torch.func.jvp(of_values, (a,), (2 * a,))[1]
        if transform == "vmap":
            return torch.func.vmap(of_values)(torch.stack([a, 2 * a]))
        return torch.func.grad(lambda a: of_values(a).square().sum())(a)

    torch.compiler.reset()
    expected = transformed(*case.inputs)
    assert float(expected.abs().max()) > 0
    with pytest.raises(torch._dynamo.exc.Unsupported, match="forward mode do not go through kernels"):
        torch.compile(transformed, fullgraph=True, backend="aot_eager")(*case.inputs)
    torch.testing.assert_close(torch.compile(transformed, backend="aot_eager")(*case.inputs), expected)


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps what its operations of kernels are given."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.calls: list[tuple[str, list[Any]]] = []

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if getattr(target, "namespace", "") == "sharpvision":
            self.calls.append((target._schema.name.removeprefix("sharpvision::"), [*args]))
        return super().call_function(target, args, kwargs)


@cache
def _calls() -> dict[str, list[Any]]:
    """Arguments of each operation, gradients included, out of the graphs of all cases."""
    found: dict[str, list[Any]] = {}
    for make_case in [CASES[name] for name in CASES if name != "all at once"]:
        torch.compiler.reset()
        torch.manual_seed(0)
        case, recorders = make_case(), list[_Recorder]()

        def recording(graph: fx.GraphModule, _: Any, kept: list[_Recorder] = recorders) -> Callable[..., Any]:
            kept.append(_Recorder(graph))
            return kept[-1].run

        torch.compile(case.function, fullgraph=True, backend=recording)(*case.inputs)
        found |= dict(recorders[0].calls)
    for name, (inputs, *setting) in [(n, a) for n, a in found.items() if f"{n}_backward" in OPERATIONS]:
        outputs = OPERATIONS[name](inputs, *setting)
        arriving = torch.randn_like(outputs[0])
        found[f"{name}_backward"] = [[v.is_floating_point() for v in inputs], arriving, inputs, outputs, *setting]
        found[name] = [[v.detach().requires_grad_() for v in inputs], *setting]
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_registered_as_torch_wants_it(name: str) -> None:
    calls = _calls()
    assert name in calls, f"no case reaches sharpvision::{name}"
    tests = ["test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"]
    if name == "plan":
        tests.pop()  # it compares content, and `Points.along` holds nothing where a point is not on an edge
    found = torch.library.opcheck(OPERATIONS[name], tuple(calls[name]), test_utils=tests)
    assert set(found.values()) == {"SUCCESS"}


PACKAGE = Path(sharpvision.__file__).parent
CALLERS = ("geometry", "rendering", "materials")
WITHOUT = {
    "ambient_visibility": "torch.compile takes no random generator",
    "plain_values": "takes hold of a tensor below the transforms of torch.func",
    "closest_on_triangles": "plain torch", "running_sum": "plain torch",
    "least_depth": "in rasterize and plan; a number that decides what is drawn",
    "tile_lists": "in rasterize", "draw_by_bands": "in rasterize", "draw_by_pixels": "in rasterize",
}  # fmt: skip


def test_public_functions_have_operations() -> None:
    """Functions of tensors that kernels give to others, in a case above unless they say why not.

    Those that other folders import, and those that no other file of kernels does.
    """
    files = [*(PACKAGE / "kernels").glob("*.py")]
    outside = {name for folder in CALLERS for file in (PACKAGE / folder).rglob("*.py") for name in _imported(file)}
    inside = {name for file in files for name in _imported(file)}
    functions = set()
    for file in files:
        body = ast.parse(file.read_text()).body
        names = {node.name for node in body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}
        for name in names & outside | names - inside:
            function = getattr(importlib.import_module(f"sharpvision.kernels.{file.stem}"), name)
            if inspect.isfunction(function) and _takes_tensors(function):
                functions.add(name)
    assert {"interpolate", "rasterize", "plan", "vertex_normals", "visible"} <= functions
    covered = {word for case in CASES for word in re.split(r"\W+", case)}
    assert functions - covered == set(WITHOUT)


def _imported(file: Path) -> set[str]:
    """Names that a file imports from kernels."""
    found = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom) and n.module]
    return {a.name for n in found if str(n.module).startswith("sharpvision.kernels.") for a in n.names}


def _takes_tensors(function: Callable[..., Any]) -> bool:
    hints = get_type_hints(function).values()
    return any(isinstance(hint, type) and issubclass(hint, Tensor | AbstractArray) for hint in hints)


def test_a_model_of_ones_own_compiles_as_a_whole() -> None:
    """In an interpreter of its own: here the checker of types wraps the cameras, which a compiler can't trace."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__).with_name("compiled_model.py")], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["same"], done.stderr[-2000:]
