"""Every registered material, light (with and without extent) and camera has a test that inherits its contract."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
from contracts.camera import CameraContract
from contracts.distributed import DistributedContract
from contracts.light import LightContract
from contracts.material import MaterialContract

from sharpvision.cameras import CAMERAS
from sharpvision.illumination import DISTRIBUTED_LIGHTS, LIGHTS
from sharpvision.materials import MATERIALS

KINDS = {
    "materials": (MATERIALS, MaterialContract),
    "illumination": (LIGHTS, LightContract),
    "cameras": (CAMERAS, CameraContract),
    "distributed lights": (DISTRIBUTED_LIGHTS, DistributedContract),
}
FOLDERS = {"distributed lights": "illumination"}


def entries_tested(folder: Path, contract: type) -> set[str]:
    """Registry names of the test classes in a folder that inherit a contract and are complete."""
    sys.path.insert(0, str(folder))
    found = set()
    for path in folder.glob("test_*.py"):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, test in inspect.getmembers(module, inspect.isclass):
            if name.startswith("Test") and issubclass(test, contract) and not inspect.isabstract(test):
                found.add(test.entry)
    sys.path.remove(str(folder))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_inherits_its_contract(kind: str) -> None:
    registry, contract = KINDS[kind]
    assert set(registry) == entries_tested(Path(__file__).parent.parent / FOLDERS.get(kind, kind), contract)


@pytest.mark.parametrize("kind", KINDS)
def test_a_contract_asks_for_two_methods(kind: str) -> None:
    assert KINDS[kind][1].__abstractmethods__ == {"create", "evaluate"}


def test_a_registration_without_a_test_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "test_incomplete.py").write_text(
        "from contracts.light import LightContract\nclass TestIncomplete(LightContract):\n    entry = 'lamp'\n"
    )
    assert entries_tested(tmp_path, LightContract) == set()
