"""What every test shares: run-time checks of shapes and types, real data, a guard against tests that cannot fail."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import pytest
from assertions import can_fail
from jaxtyping import install_import_hook

# Shapes and types of these folders are checked at every call by beartype, from the annotations in the source.
# Left out: `kernels` (Warp reads the source of its kernels and must see it unwrapped), `cli` (typer reads signatures)
# and `core` (errors name a type of `solvers` that they cannot import).
CHECKED = (
    "cameras", "geometry", "materials", "illumination", "sensor", "priors", "residuals", "solvers", "reconstruct",
)  # fmt: skip
install_import_hook([f"sharpvision.{folder}" for folder in CHECKED], "runtime_types.checked")


def pytest_configure(config: pytest.Config) -> None:
    """The same bytes on each run: an operation of torch that is not deterministic is an error."""
    import torch

    torch.use_deterministic_algorithms(True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Tests do not depend on the order in which they run."""
    import numpy as np
    import torch

    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real photographs; skips where the environment variable SHARPVISION_DATA names none."""
    folder = os.environ.get("SHARPVISION_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"real data: SHARPVISION_DATA is {folder!r}, not a folder")
    return Path(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asserts nothing is an error of the suite, not a pass."""
    empty = {
        item.nodeid.split("[")[0]
        for item in items
        if isinstance(item, pytest.Function) and not can_fail(inspect.getsource(item.function))
    }
    if empty:
        raise pytest.UsageError(f"tests that cannot fail: {', '.join(sorted(empty))}")
