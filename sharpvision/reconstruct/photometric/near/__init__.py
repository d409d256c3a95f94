"""Near light: lamps at known places, the object's depth solved together with its normals, in real units."""
