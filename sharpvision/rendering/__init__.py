"""Scene to buffers: what a camera sees of shapes with materials under lights, with derivatives."""
