"""Scene to buffers: what a camera sees of shapes with materials under lights, with derivatives."""

from sharpvision.rendering.buffers import BufferName, Buffers
from sharpvision.rendering.example import example_scene
from sharpvision.rendering.render import render
from sharpvision.rendering.renderer import Renderer
from sharpvision.rendering.scene import Scene, Shape
from sharpvision.rendering.settings import RenderSettings

__all__ = ["BufferName", "Buffers", "RenderSettings", "Renderer", "Scene", "Shape", "example_scene", "render"]
