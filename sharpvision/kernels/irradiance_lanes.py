"""The forms of `irradiance_form` in C++ over lanes: what `shade_lanes` evaluates at eight normals at once."""

from sharpvision.kernels.irradiance_form import QUADRATIC_TERMS

_QUADRATIC_VALUE = """
            lanes found = k[0] + nz * (k[3] + nz * k[9]) + nx * (k[1] + nx * k[4] + ny * k[5] + nz * k[6])
                + ny * (k[2] + ny * k[7] + nz * k[8]);"""
_QUADRATIC_SLOPE = """
            gx = k[1] + nx * (k[4] + k[4]) + ny * k[5] + nz * k[6];
            gy = k[2] + nx * k[5] + ny * (k[7] + k[7]) + nz * k[8];
            gz = k[3] + nx * k[6] + ny * k[8] + nz * (k[9] + k[9]);"""
_POWERS = """
            const lanes xx = nx * nx, yy = ny * ny, zz = nz * nz, s1 = real(7) * zz - one;
            const lanes s3 = real(7) * zz - real(3), two = real(2), three = real(3), four = real(4);"""
_QUARTIC_VALUE = """
            found += nx * ny * (k[10] * (xx - yy) + k[12] * s1) + ny * nz * (k[11] * (three * xx - yy) + k[13] * s3);
            found += k[14] * (real(35) * zz * zz - real(30) * zz + three) + k[16] * (xx - yy) * s1;
            found += nx * nz * (k[15] * s3 + k[17] * (xx - three * yy));
            found += k[18] * (xx * xx - real(6) * xx * yy + yy * yy);"""
_QUARTIC_SLOPE = """
            gx += k[10] * ny * (three * xx - yy) + k[11] * real(6) * nx * ny * nz + k[12] * ny * s1 + k[15] * nz * s3;
            gx += k[16] * two * nx * s1 + k[17] * three * nz * (xx - yy) + k[18] * four * nx * (xx - three * yy);
            gy += k[10] * nx * (xx - three * yy) + k[11] * three * nz * (xx - yy) + k[12] * nx * s1 + k[13] * nz * s3;
            gy += k[18] * four * ny * (yy - three * xx) - k[16] * two * ny * s1 - k[17] * real(6) * nx * ny * nz;
            gz += k[11] * ny * (three * xx - yy) + k[12] * real(14) * nx * ny * nz + k[13] * three * ny * s1;
            gz += k[14] * real(20) * nz * s3 + k[15] * three * nx * s1 + k[16] * real(14) * nz * (xx - yy);
            gz += k[17] * nx * (xx - three * yy);"""


def form_source(terms: int, channels: int) -> str:
    """C++ of `value(k)`, the form's row k at the lanes' normals (nx, ny, nz), and `slope(k, gx, gy, gz)`, its gradient;
    in it k points to numbers or to lanes. 3 terms are a directional light, whose direction is row `channels`."""
    if terms == 3:
        ready = f"""const real* toward = form + {3 * channels};
        const whole lit = toward[0] * nx + (toward[1] * ny + toward[2] * nz) > zero;"""
        value = "const lanes found = lit ? k[0] * nx + (k[1] * ny + k[2] * nz) : zero;"
        slope = "gx = lit ? k[0] : zero; gy = lit ? k[1] : zero; gz = lit ? k[2] : zero;"
    elif terms == QUADRATIC_TERMS:
        ready, value, slope = "", _QUADRATIC_VALUE, _QUADRATIC_SLOPE
    else:
        ready, value, slope = _POWERS, _QUADRATIC_VALUE + _QUARTIC_VALUE, _QUADRATIC_SLOPE + _QUARTIC_SLOPE
    return f"""{ready}
        auto value = [&](const real* k) -> lanes {{
            {value}
            return found;
        }};
        auto slope = [&](const lanes* k, lanes& gx, lanes& gy, lanes& gz) {{
            {slope}
        }};"""
