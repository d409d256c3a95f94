"""Reads lights, masks and frames, solves them one by one, writes a photograph's folder or a film's."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from sharpvision.cli.exits import NOT_CONVERGED, Interruption, stdout_for_results
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from sharpvision.data.frames import Frame
    from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph
    from sharpvision.report.output_folder import OutputFolder
    from sharpvision.solvers import Solution

OBJECT_LEVEL = 0.04
"""Without a mask the object is what is brighter than this share of the brightest percentile."""


@dataclass(frozen=True)
class Request:
    """The command's options."""

    source: Path
    lights: Path
    out: Path
    calibration: Path | None = None
    mask: Path | None = None
    response: str | None = None
    focal: float | None = None
    max_frames: int | None = None
    seed: int = 0
    overwrite: bool = False
    strict: bool = False
    json: bool = False


def run(request: Request) -> int:
    """Everything between the parsed command and its exit code, which is returned."""
    with Interruption() as interruption:
        with stdout_for_results():
            from sharpvision.report.output_folder import OutputFolder

            with OutputFolder(request.out, request.overwrite) as folder:  # before torch: a refusal comes at once
                from sharpvision.data.frames import is_film

                write = _film if is_film(request.source) else _photograph
                record, converged = write(request, folder, interruption)
                out = folder.commit()
        _say(request, record, out)
    if interruption.exit_code:
        return interruption.exit_code
    return NOT_CONVERGED if request.strict and not converged else 0


def _photograph(request: Request, folder: OutputFolder, interruption: Interruption) -> tuple[dict[str, Any], bool]:
    from sharpvision.data.frames import frames_of
    from sharpvision.reconstruct.photometric.multiplexed.solve import solve_multiplexed
    from sharpvision.report.photometric import write_files
    from sharpvision.report.progress import ProgressBar

    response: Any = request.response
    frame = next(iter(frames_of(request.source, response)))
    photograph = _prepared(request, frame, _lights(request))
    with ProgressBar(photograph.name, None, Console(stderr=True)) as progress:
        solution, _ = solve_multiplexed(photograph, seed=request.seed, progress=progress)
    with interruption.deferred():
        return write_files(solution, folder), solution.status == "converged"


def _film(request: Request, folder: OutputFolder, interruption: Interruption) -> tuple[dict[str, Any], bool]:
    """Frame by frame, each starting from the one before; Ctrl-C keeps what is finished."""
    from sharpvision.data.film import write_film
    from sharpvision.data.frames import frames_of
    from sharpvision.reconstruct.photometric.multiplexed.solve import solve_multiplexed
    from sharpvision.report.output_folder import RESULT
    from sharpvision.report.result import as_json, versions

    lights, state, first = _lights(request), None, None
    pictures: list[NDArray[np.uint8]] = []
    entries: list[dict[str, Any]] = []
    (folder.path / "frames").mkdir()
    console, response = Console(stderr=True), request.response
    given: Any = response
    try:
        for frame in frames_of(request.source, given, request.max_frames):
            photograph = _prepared(request, frame, lights)
            first = first or photograph
            solution, found = solve_multiplexed(photograph, start=state, seed=request.seed)
            state = found or state
            with interruption.deferred():
                name = Path(frame.name).stem + ".npz"
                (folder.path / "frames" / name).write_bytes(_maps(solution))
                pictures.append(_picture(solution))
                entries.append({"frame": name, "status": solution.status, "message": solution.message,
                                "seconds": solution.seconds, "explained": solution.explained,
                                "notes": solution.notes})  # fmt: skip
            console.print(f"frame {len(entries)}: {solution.status}, {solution.seconds:.1f} s", highlight=False)
            if interruption.received:
                break
    except KeyboardInterrupt:
        if not entries:
            raise
    record = {
        "schema_version": 1, "method": "multiplexed", "status": _worst(entries, bool(interruption.received)),
        "message": f"{len(entries)} frames", "frame": "x right, y up, z to the viewer", "versions": versions(),
        "seconds": sum(entry["seconds"] for entry in entries), "notes": list(first.notes) if first else [],
        "frames": entries,
    }  # fmt: skip
    write_film(folder.path / "normals.webp", pictures, 25.0)
    (folder.path / RESULT).write_text(as_json(record), encoding="utf-8")
    return record, record["status"] == "converged"


def _worst(entries: list[dict[str, Any]], interrupted: bool) -> str:
    """The status of a film: that of its worst frame."""
    if interrupted:
        return "interrupted"
    order = ("converged", "step_limit", "diverged", "ill_posed")
    return max((str(entry["status"]) for entry in entries), key=order.index)


def _lights(request: Request) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
    """Directions (3, 3), matrix of lights to channels (3, 3), notes."""
    from sharpvision.data.frames import frames_of
    from sharpvision.data.lights_file import read_lights_file
    from sharpvision.reconstruct.photometric.multiplexed.mixing import mixing_from_photographs

    file = read_lights_file(request.lights)
    if file.directions is None:
        raise InputError(request.lights, "directional lights", "point lights", "give directions")
    if file.count != 3:
        raise InputError(request.lights, "three lights", f"{file.count}", "list the three coloured lights")
    if request.calibration is None and file.intensities is None:
        raise InputError(request.lights, "an intensity (red, green, blue) of each light", "none",
                         "add them, or give --calibration FOLDER: a gray object under each light alone")  # fmt: skip
    if request.calibration is None:
        assert file.intensities is not None
        return file.directions, file.intensities.T.copy(), ()
    response: Any = request.response
    frames = list(frames_of(request.calibration, response))
    if len(frames) != 3:
        raise InputError(request.calibration, "three photographs, one under each light", f"{len(frames)}",
                         "photograph a gray object under each light alone")  # fmt: skip
    stack = np.stack([frame.image for frame in frames])
    path = request.calibration / "mask.png"
    mask = _read_mask(path, stack.shape[1:3]) if path.is_file() else _bright(stack.sum(0))
    mixing = mixing_from_photographs(stack, mask, file.directions, str(request.calibration))
    return file.directions, mixing, ("the matrix of lights to channels is estimated from the photographs of "
                                     f"{request.calibration.name}",)  # fmt: skip


def _prepared(
    request: Request, frame: Frame, lights: tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]
) -> MultiplexedPhotograph:
    """A frame with its mask, lights and camera."""
    from sharpvision.data.frames import capture_of
    from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph

    directions, mixing, notes = lights
    shape = (frame.image.shape[0], frame.image.shape[1])
    beside = (request.source if request.source.is_dir() else request.source.parent) / "mask.png"
    path = request.mask or (beside if beside.is_file() else None)
    mask = _bright(frame.image) if path is None else _read_mask(path, shape)
    if path is None:
        notes = (*notes, "no mask was given: the object is what is not dark")
    capture = capture_of(request.source)
    camera = capture.camera
    focal = request.focal or (camera.focal_px if camera is not None else frame.focal_px)
    return MultiplexedPhotograph(
        frame.image, mask, directions, mixing, Path(frame.name).stem, focal,
        camera.principal_point if camera is not None else None, frame.quantisation, capture.length_unit,
        notes=(*frame.notes, *notes),
    )  # fmt: skip


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    from sharpvision.data.masks import read_mask

    return read_mask(path, (shape[0], shape[1]))


def _bright(image: NDArray) -> NDArray[np.bool_]:
    """What is not dark; everything in a black image."""
    level = image.max(-1)
    inside = level > OBJECT_LEVEL * np.quantile(level, 0.99)
    return np.asarray(inside if inside.any() else np.ones_like(inside))


def _maps(solution: Solution) -> bytes:
    from sharpvision.report.maps import photometric_maps

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **photometric_maps(solution))  # type: ignore[arg-type]
    return buffer.getvalue()


def _picture(solution: Solution) -> NDArray[np.uint8]:
    """The normals as (n + 1) / 2 in the frame of files, black outside."""
    from sharpvision.report.maps import photometric_maps

    maps = photometric_maps(solution)
    code = np.where(maps["mask"][..., None], (maps["normals"] + 1.0) * 127.5, 0.0)
    return np.rint(np.clip(code, 0, 255)).astype(np.uint8)


def _say(request: Request, record: dict[str, Any], out: Path) -> None:
    """The result on stdout, as JSON or in lines."""
    from sharpvision.report.result import as_json

    if request.json:
        typer.echo(as_json({**record, "out": out}), nl=False)
        return
    console = Console(soft_wrap=True, highlight=False)
    lines = [("status", str(record["status"]).replace("_", " ")), ("message", record["message"]),
             ("time", f"{record['seconds']:.1f} s"), *(("note", note) for note in record["notes"]),
             ("folder", ", ".join(sorted(file.name for file in out.iterdir())))]  # fmt: skip
    for name, text in lines:
        if text:
            console.print(f"{name:<10} {text}", markup=False)
