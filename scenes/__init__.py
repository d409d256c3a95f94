"""Example captures and scene files that travel with the package; read them through `importlib.resources`."""
