"""Fails where a package that a plain `pip install sharpvision` brings is copyleft, non-commercial or unknown.

Usage: licences.py PIP_LICENSES PYTHON, where PYTHON belongs to an environment that holds the core and nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

FORBIDDEN = re.compile(
    r"\b([AL]?GPL|GNU (Affero |Lesser |Library )?General|CC[- ]BY[- ]NC|non-?commercial|research only)", re.I
)
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|0BSD|ISC|Apache|PSF|Python Software Foundation|MPL|Mozilla|Zlib|HPND|BSL-1\.0|CC0|Unlicense)\b"
    r"|Redistribution and use in source and binary forms",
)

# Packages whose metadata do not tell all, each read by a person, and what was found.
REVIEWED = {
    "openexr": "BSD-3-Clause in its LICENSE.md; the metadata leave it out",
    "numpy": "BSD-3-Clause; its wheel holds libgfortran (GPL-3.0, GCC exception), libquadmath (LGPL-2.1), dynamic",
    "scipy": "BSD-3-Clause; its wheel holds libgfortran (GPL-3.0, GCC exception), libquadmath (LGPL-2.1), dynamic",
    "opencv-python-headless": "Apache-2.0; its wheel holds FFmpeg (LGPL-2.1), dynamic",
}


def verdict(name: str, licence: str) -> str:
    """'' where the package may be in the core, else why it may not.

    >>> verdict("a", "BSD License"), verdict("b", "GPL-3.0-or-later"), verdict("c", "UNKNOWN")
    ('', 'b: copyleft or non-commercial: GPL-3.0-or-later', 'c: not known to be permissive: UNKNOWN')
    """
    if name.lower() in REVIEWED:
        return ""
    if FORBIDDEN.search(licence):
        return f"{name}: copyleft or non-commercial: {licence}"
    return "" if PERMISSIVE.search(licence) else f"{name}: not known to be permissive: {licence}"


def main(pip_licenses: str, python: str) -> int:
    """Print the reviewed exceptions and the verdicts; 1 where there is one."""
    command = [pip_licenses, "--python", python, "--from=mixed", "--with-system", "--format=json"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    packages = {p["Name"]: p["License"] for p in listed}
    if not {"torch", "sharpvision"} <= set(packages):
        sys.exit(f"error: {python}: expected an environment with sharpvision, found {len(packages)} other packages")
    refused = [v for v in (verdict(name, licence) for name, licence in packages.items()) if v]
    for name in sorted(packages, key=str.lower):
        if name.lower() in REVIEWED:
            print(f"reviewed  {name}: {REVIEWED[name.lower()]}")
    print("\n".join(f"REFUSED   {line}" for line in refused) or f"{len(packages)} packages, all permissive")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
