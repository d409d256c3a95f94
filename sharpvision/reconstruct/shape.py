"""Shape of an object from photographs, silhouettes and shading, from a sphere: large steps and new triangles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sharpvision.geometry import Mesh
from sharpvision.geometry.laplacian import graph_laplacian
from sharpvision.geometry.remeshing import remesh
from sharpvision.geometry.self_intersection import intersecting_faces
from sharpvision.reconstruct.fit_film import FitFilm
from sharpvision.reconstruct.inverse import ImageModel, in_stages, judged, shape_of
from sharpvision.reconstruct.photographs import Photographs
from sharpvision.rendering import Scene, Shape
from sharpvision.solvers import LargeSteps, Solution, Status, Stopping


@dataclass(frozen=True)
class ShapeStage:
    """One stage of `fit_shape`.

    `side`: longer side of the photographs; `edge`: the mesh is made anew with edges of about this share of its diagonal
    before the stage (None: it stays); `step`: the vertices' first step as a share of the diagonal; `smoothing`: reach
    of a step in squared edges; `steps`: at most.
    """

    side: int
    edge: float | None
    step: float
    smoothing: float
    steps: int


@dataclass(frozen=True)
class ShapeSettings:
    """Settings of `fit_shape`: its stages, how a stage ends, how often a surface that passes through itself is mended,
    and the largest unexplained share of a shape that is called right."""

    stages: tuple[ShapeStage, ...] = (
        ShapeStage(64, None, 0.05, 5.0, 60),
        ShapeStage(64, 0.03, 0.05, 5.0, 60),
        ShapeStage(64, 0.03, 0.05, 5.0, 60),
        ShapeStage(128, 0.02, 0.015, 5.0, 120),
    )
    stopping: Stopping = field(default_factory=lambda: Stopping(5e-2, patience=10, least_scale=0.3))
    mends: int = 3
    tolerance: float = 0.02


def fit_shape(
    scene: Scene,
    photographs: Photographs,
    name: str,
    settings: ShapeSettings | None = None,
    film: FitFilm | None = None,
) -> Solution:
    """Surface of the shape `name`, whose material, pose and light are known, from its mesh in the scene as the start.

        minimise over the vertices: sum over pixels |I - photograph|^2 / pixels

    Large steps (`sharpvision.solvers.LargeSteps`) in stages, coarse to fine, with new triangles of even size between
    them (`geometry.remesh`). The surface returned is closed and does not pass through itself: where the last stage left
    intersecting faces it is remeshed, which merges what overlaps, and fitted again with shorter steps; at last it is
    the remeshed surface itself. `values`: `vertices` (V, 3) in the shape's frame and `faces` (F, 3). What no photograph
    shows follows the smooth metric of the steps. Status: CONVERGED only where the last fit settled and at most
    `settings.tolerance` of the photographs' energy stays unexplained. Nicolet, Jacobson and Jakob, Large Steps in
    Inverse Rendering of Geometry, SIGGRAPH Asia 2021.
    """
    settings = ShapeSettings() if settings is None else settings
    shape = shape_of(scene, name)
    mesh = Mesh(shape.vertices.detach().clone(), shape.faces)
    fit = _ShapeFit(scene, photographs, name, settings, film)
    for number, stage in enumerate(settings.stages):
        mesh = fit.stage(mesh, stage, f"{number + 1}: {stage.side} px")
        if fit.interrupted:
            break
    final, mended = settings.stages[-1], 0
    while not fit.interrupted and intersecting_faces(mesh.vertices, mesh.faces) and mended < settings.mends:
        mended += 1
        gentle = replace(final, edge=final.edge or 0.02, step=final.step / 3**mended, steps=final.steps // 2)
        mesh = fit.stage(mesh, gentle, f"mended {mended}")
    solution = in_stages("shape", fit.stages)
    if intersections := intersecting_faces(mesh.vertices, mesh.faces):
        mesh = remesh(mesh, (final.edge or 0.02) * _diagonal(mesh))
        solution.notes.append(f"{intersections} faces passed through each other; the surface was remeshed at the end")
    solution.figures |= {"faces": len(mesh.faces), "mended": mended}
    finest = fit.model(mesh, final.side)
    unknowns = {fit.key: mesh.vertices}
    solution.explained = finest.explained(unknowns)
    solution = judged(solution, finest.misfit(unknowns), settings.tolerance)
    solution.values = {"vertices": mesh.vertices, "faces": mesh.faces}
    return solution


class _ShapeFit:
    """What the stages share: scene, photographs, settings, and the solutions so far."""

    def __init__(
        self, scene: Scene, photographs: Photographs, name: str, settings: ShapeSettings, film: FitFilm | None
    ) -> None:
        self.scene, self.photographs, self.name, self.settings, self.film = scene, photographs, name, settings, film
        self.key = f"shapes.{name}.vertices"
        self.stages: list[tuple[str, Solution]] = []

    @property
    def interrupted(self) -> bool:
        """Whether the last stage was interrupted."""
        return bool(self.stages) and self.stages[-1][1].status is Status.INTERRUPTED

    def model(self, mesh: Mesh, side: int) -> ImageModel:
        """The scene with this mesh in place of the shape's."""
        old = shape_of(self.scene, self.name)
        shapes = {other: shape for other, shape in self.scene.shapes.items() if isinstance(shape, Shape)}
        shapes[self.name] = Shape(mesh, old.material, old.pose)
        scene = Scene(shapes, dict(self.scene.lights.items()), self.scene.background.detach())
        return ImageModel(scene, self.photographs.reduced(side))

    def stage(self, mesh: Mesh, stage: ShapeStage, title: str) -> Mesh:
        """Remesh where the stage wants it, and fit."""
        if stage.edge is not None:
            mesh = remesh(mesh, stage.edge * _diagonal(mesh))
        model = self.model(mesh, stage.side)
        laplacian = {self.key: graph_laplacian(mesh.faces, len(mesh.vertices))}
        solver = LargeSteps(laplacian, stage.step * _diagonal(mesh), stage.smoothing, stopping=self.settings.stopping)
        solution = model.solve(model.problem({self.key: mesh.vertices}), solver, stage.steps, self.film)
        self.stages.append((title, solution))
        return Mesh(solution.values[self.key], mesh.faces)


def _diagonal(mesh: Mesh) -> float:
    return float((mesh.vertices.amax(0) - mesh.vertices.amin(0)).norm())
