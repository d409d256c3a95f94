"""The checker of types at run time: beartype, with an int taken for a float as mypy takes it (PEP 484)."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
