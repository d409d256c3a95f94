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


def metric(row: dict | None, name: str, form: str = "{:.2f}") -> str:
    return "" if row is None or name not in row["metrics"] else form.format(row["metrics"][name])


def speed(rows: list[dict]) -> str:
    body = []
    for case, triangles in (("fit_step", "20,480"), ("fit_step_327680", "327,680")):
        row = pick(rows, suite="render", case=case, threads=2)
        peers = ["deodr", "mitsuba_direct", "mitsuba_projective", "pytorch3d"]
        times = [metric(row, f"{name}_ms", "{:.0f}") for name in peers]
        own = metric(row, "forward_backward_ms", "{:.1f}")
        body.append([f"{triangles} triangles", own, *times, metric(row, "two_thread_speedup")])
    head = ["fit step, 512x512, ms", "sharpvision", "DEODR", "Mitsuba direct", "projective", "PyTorch3D"]
    return table([*head, "two threads over one"], body)


def ratios(rows: list[dict]) -> str:
    one = pick(rows, suite="render", case="raster", threads=1)
    body = [
        ["raster, one thread, over plain C++", metric(one, "ratio_to_cpp")],
        ["silhouettes: `default` over `fast` without", metric(pick(rows, case="silhouette_cost"), "time_ratio")],
        ["327,680 over 20,480 triangles", metric(pick(rows, suite="render", case="triangles"), "time_ratio")],
        ["2048x2048 over 512x512 pixels", metric(pick(rows, suite="render", case="pixels"), "time_ratio")],
        ["16 views in a batch over one", metric(pick(rows, suite="render", case="views"), "time_ratio")],
        ["peak memory over its formula", metric(pick(rows, case="memory"), "measured_over_formula")],
    ]
    start = pick(rows, suite="render", case="start")
    body += [
        ["first render, no kernels compiled yet, s", metric(start, "cold_s", "{:.1f}")],
        ["first render, process start included, s", metric(start, "warm_s", "{:.1f}")],
    ]
    return table(["ratio, or seconds", ""], body)


def gradients(rows: list[dict]) -> str:
    found: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        parts = row["case"].split("/")
        if row["suite"] == "render" and parts[0] == "gradient":
            found.setdefault((parts[1], row["settings"]["mode"]), []).append(row)
    body = []
    for (scene, mode), group in found.items():
        if (mode == "accurate") != (scene in ("armadillo_30k", "suzanne", "teapot")):
            continue
        names = {r["case"].split("/")[2]: r for r in group}
        worst = max(r["metrics"]["relative_error_percent"] for n, r in names.items() if n != "vertices")
        own = names.get("vertices")
        vertex = pick(rows, suite="render", case=f"gradient_vertex/{scene}", mode=mode)
        image = pick(rows, suite="render", case=f"coverage/{scene}", mode=mode)
        body.append([
            f"{scene}, {mode}", f"{worst:.1f}", metric(own, "cosine_to_fd", "{:.4f}"),
            metric(vertex, "within_15_percent", "{:.0f}"), metric(image, "rms_to_area_sampled", "{:.4f}"),
        ])  # fmt: skip
    head = ["gradient against the reference", "worst parameter, %", "cosine, all vertices"]
    return table([*head, "silhouette vertices within 15 %, %", "image RMS at contours"], body)


def fits(rows: list[dict]) -> str:
    wanted = {
        "pose": ("rotation_error_deg", "degrees"), "pose_starts": ("converged_percent", "% of random starts right"),
        "light": ("sh_error_percent", "% of the harmonics"), "texture": ("psnr_db", "dB"),
        "shape": ("surface_distance_percent", "% of the diagonal"),
        "joint": ("end_surface_distance_percent", "% of the diagonal, from 1.95"),
    }  # fmt: skip
    body = []
    for case, (name, unit) in wanted.items():
        row = pick(rows, suite="fit", case=case)
        if row is not None:
            body.append([case, f"{metric(row, name)} {unit}", f"{row['seconds']:.1f}"])
    return table(["fit", "result", "s"], body)


def worst(rows: list[dict], case: str, name: str) -> dict | None:
    found = [row for row in rows if row["suite"] == "calibration" and row["case"] == case]
    return max(found, key=lambda row: row["metrics"][name], default=None)


def own_photographs(rows: list[dict]) -> str:
    body = []
    for method in ("uncalibrated", "semicalibrated"):
        for name in ("ball", "cat", "reading"):
            row = pick(rows, suite="photometric", case=name, method=method, light_count=96)
            if row is not None:
                lights = metric(row, "light_error_deg", "; lights {:.2f}°") if method == "uncalibrated" else ""
                body.append([f"{name}, `{method}`, 96 lights", f"{error(row)}°{lights}", f"{row['seconds']:.0f}"])
    others = {
        "gray sphere, lights from a chrome one, response unknown": (
            pick(rows, suite="photometric", case="gray"), [("mean_angular_error_deg", "{:.2f}°")]
        ),
        "near LEDs, path-traced": (
            pick(rows, suite="near-light", case="led_rig"),
            [("mean_angular_error_deg", "{:.2f}°"), ("depth_error_percent", "; depth {:.2f} % of its range"),
             ("times_better_than_distant", "; {:.0f} times better than as distant lights")],
        ),
        "chrome ball without a mask": (
            pick(rows, suite="calibration", case="chrome_found"), [("centre_error_px", "centre {:.2f} px")]
        ),
        "LED positions from two balls": (
            pick(rows, suite="calibration", case="led_position"),
            [("position_error_percent", "{:.2f} % of the distance")],
        ),
        "response from exposures, worst of five cameras": (
            worst(rows, "response", "log_response_rms"), [("log_response_rms", "log RMS {:.3f}")]
        ),
        "shake of 3 px, largest error left": (
            worst(rows, "shake", "shift_error_px"), [("shift_error_px", "{:.2f} px")]
        ),
    }  # fmt: skip
    for what, (row, parts) in others.items():
        if row is not None:
            body.append([what, "".join(metric(row, *part) for part in parts), f"{row['seconds']:.0f}"])
    for row in rows:
        if row["suite"] == "colour-multiplexed":
            body.append([f"one photograph, three colours: {row['case']}", f"{error(row)}°", f"{row['seconds']:.0f}"])
    return table(["own photographs", "error", "s"], body)


def main(files: list[str]) -> None:
    rows = load(files)
    parts = (speed, ratios, gradients, fits, diligent, own_photographs, rendered, coverage, integration, scale)
    tables = "\n\n".join(part(rows) for part in parts)
    text = README.read_text()
    block = f"{START}\n\n{tables}\n\n{END}"
    if START in text:
        text = re.sub(re.escape(START) + ".*" + re.escape(END), lambda _: block, text, flags=re.DOTALL)
    else:
        text = text.replace("{{MEASURED}}", block)
    README.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
