"""Write the README's measured tables from benchmark rows: python docs/make_tables.py ROWS.json [ROWS.json ...]."""

import json
import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- measured: docs/make_tables.py -->", "<!-- /measured -->"


def load(files: list[str]) -> list[dict]:
    return [row for file in files for row in json.loads(Path(file).read_text())]


def pick(rows: list[dict], **wanted: object) -> dict | None:
    for row in rows:
        flat = {"suite": row["suite"], "case": row["case"], "method": row["method"], **row["settings"]}
        if all(flat.get(key) == value for key, value in wanted.items()):
            return row
    return None


def error(row: dict | None) -> str:
    return "" if row is None else f"{row['metrics']['mean_angular_error_deg']:.2f}"


def table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def diligent(rows: list[dict]) -> str:
    names = ["ball", "cat", "reading"]
    body = []
    for method in ("least_squares", "robust", "physics"):
        for count in (96, 20, 10):
            residual = True if method == "physics" else None
            found = [
                pick(rows, suite="photometric", case=n, method=method, light_count=count, residual=residual)
                for n in names
            ]
            errors = [row["metrics"]["mean_angular_error_deg"] for row in found if row]
            seconds = max(row["seconds"] for row in found if row)
            peak = max(row["peak_mib"] for row in found if row)
            mean = sum(errors) / len(errors)
            body.append(
                [f"{method}, {count} lights", *map(error, found), f"{mean:.2f}", f"{seconds:.1f}", f"{peak:.0f}"]
            )
    return table(["DiLiGenT, mean error in degrees", *names, "mean", "slowest, s", "peak, MiB"], body)


def rendered(rows: list[dict]) -> str:
    body = []
    for row in rows:
        if row["suite"] == "photometric-rendered" and row["method"] == "physics":
            case, count = row["case"], row["settings"]["light_count"]
            others = [
                error(pick(rows, suite=row["suite"], case=case, method=m, light_count=count))
                for m in ("least_squares", "robust")
            ]
            body.append([case, *others, error(row), f"{row['metrics']['inverse_distance_error']:.4f}"])
    return table(
        ["rendered, 40 lights, 1 % noise", "least_squares", "robust", "physics", "inverse distance off by"], body
    )


def coverage(rows: list[dict]) -> str:
    body = [
        [f"{row['case']}, {row['method']}", error(row), f"{row['metrics']['coverage_68_percent']:.0f} %"]
        for row in rows
        if row["suite"] == "photometric-uncertainty"
    ]
    return table(["stated 68 % interval", "mean error, degrees", "errors inside"], body)


def integration(rows: list[dict]) -> str:
    body = [
        [f"{row['case']}, {row['method']}", f"{row['metrics']['depth_error_percent']:.2f}", f"{row['seconds']:.2f}"]
        for row in rows
        if row["suite"] == "integration"
    ]
    return table(["normals to depth, 500x500", "depth error, % of the range", "s"], body)


def scale(rows: list[dict]) -> str:
    body = [
        [f"{row['settings']['megapixels']:g} megapixels", f"{row['seconds']:.1f}", f"{row['peak_mib']:.0f}"]
        for row in rows
        if row["suite"] == "photometric-scale" and row["case"] != "linearity"
    ]
    return table(["robust, 20 lights, from files", "s", "peak, MiB"], body)


def main(files: list[str]) -> None:
    rows = load(files)
    tables = "\n\n".join(part(rows) for part in (diligent, rendered, coverage, integration, scale))
    text = README.read_text()
    block = f"{START}\n\n{tables}\n\n{END}"
    if START in text:
        text = re.sub(re.escape(START) + ".*" + re.escape(END), lambda _: block, text, flags=re.DOTALL)
    else:
        text = text.replace("{{MEASURED}}", block)
    README.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
