"""Radiance of a GGX lobe over a diffuse base under spherical harmonics at one point, for kernels.

With c = n.wo and the six numbers (b, p0, p1, p2, e, g) of `lobe_fit`, at n.wo > 0, else 0:

    L = (f0 A(c) + (1 - f0) B(c)) L_blurred(l) + (1 - (1 - c)^5) M(n)
    A = clamp(p0 + c (p1 + c (p2 + CUBIC c)), 0, 1), B = g max(1 - c, 1e-6)^e
    l = t / |t|, t = n + b (2 c n - wo - n)

L_blurred and M are forms (`radiance_form.py`): rows of `light`, those of L_blurred, then those of M if there is a base,
and the cubic part of L_blurred.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.irradiance_form import harmonic_functions
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.lobe_fit import CUBIC
from sharpvision.kernels.radiance_form import CUBIC_TERMS, cubic_functions
from sharpvision.kernels.surface_functions import surface_functions

start_warp()

NUMBERS = 6
"""How many `lobe_fit` gives."""


@cache
def harmonic_lobe_functions(real: type, channels: int, terms: int, has_cubic: bool) -> SimpleNamespace:
    """`radiance`, its adjoint `radiance_pulled` and tangent `radiance_pushed`, and the parts they are made of."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    color = wp.types.vector(channels, real)
    fit_vector = wp.types.vector(NUMBERS, real)
    term_vector, cubic_vector = wp.types.vector(terms, real), wp.types.vector(CUBIC_TERMS, real)
    form, band3, surface = harmonic_functions(real, terms), cubic_functions(real), surface_functions(real)
    value, slope, cubic_value, cubic_slope = form.value, form.slope, band3.value, band3.slope
    inverse_length, rejected = surface.inverse_length, surface.rejected
    count = wp.constant(channels)
    zero, one, two, three, five = (wp.constant(real(float(v))) for v in (0, 1, 2, 3, 5))
    k3, least = wp.constant(real(CUBIC)), wp.constant(real(1e-6))

    @wp.func
    def facets_at(c: real, fit: fit_vector) -> vec2:
        """A, and 1 where it is not clamped."""
        a = fit[1] + c * (fit[2] + c * (fit[3] + c * k3))
        free = zero
        if a >= zero and a <= one:
            free = one
        return vec2(wp.clamp(a, zero, one), free)

    @wp.func
    def power_at(c: real, fit: fit_vector) -> real:
        return wp.pow(wp.max(one - c, least), fit[4])

    @wp.func
    def facets_slope(c: real, fit: fit_vector) -> real:
        return fit[2] + c * (two * fit[3] + c * three * k3)

    @wp.func
    def power_slope(c: real, fit: fit_vector, power: real) -> real:
        s = zero
        if one - c >= least:
            s = -fit[4] * power / (one - c)
        return s

    @wp.func
    def leaning(n: vec3, wo: vec3, c: real, b: real) -> vec3:
        """t, where the light is looked at."""
        return (one - b + two * b * c) * n - b * wo

    @wp.func
    def blurred(light: wp.array(dtype=term_vector), cubic: wp.array(dtype=cubic_vector), i: int, l: vec3) -> real:
        e = value(light, light[i], l)
        if wp.static(has_cubic):
            e += cubic_value(cubic[i], l)
        return e

    @wp.func
    def radiance(
        n: vec3, wo: vec3, fit: fit_vector, f0: color, light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector),
    ) -> color:  # fmt: skip
        c = wp.dot(n, wo)
        e = color()
        if c > zero:
            facets = facets_at(c, fit)[0]
            fresnel = fit[5] * power_at(c, fit)
            t = leaning(n, wo, c, fit[0])
            l = inverse_length(t) * t
            for i in range(count):
                e[i] = (f0[i] * facets + (one - f0[i]) * fresnel) * blurred(light, cubic, i, l)
            if light.shape[0] > count:
                u = wp.clamp(one - c, zero, one)
                passed = one - u * u * u * u * u
                for i in range(count):
                    e[i] = e[i] + passed * value(light, light[count + i], n)
        return e

    @wp.func
    def radiance_pulled(
        n: vec3, wo: vec3, y: color, fit: fit_vector, f0: color, light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector),
    ):  # fmt: skip
        """Gradients to n, wo, b, A and B where n.wo > 0, and the colours y (f0 A + (1 - f0) B) and y L_blurred."""
        c = wp.dot(n, wo)
        facets = facets_at(c, fit)
        power = power_at(c, fit)
        fresnel = fit[5] * power
        b = fit[0]
        t = leaning(n, wo, c, b)
        r = inverse_length(t)
        l = r * t
        d_facets = real(0.0)
        d_fresnel = real(0.0)
        share = color()
        seen = color()
        mix = term_vector()
        cubic_mix = cubic_vector()
        for i in range(count):
            seen[i] = y[i] * blurred(light, cubic, i, l)
            share[i] = y[i] * (f0[i] * facets[0] + (one - f0[i]) * fresnel)
            d_facets += f0[i] * seen[i]
            d_fresnel += (one - f0[i]) * seen[i]
            mix += share[i] * light[i]
            if wp.static(has_cubic):
                cubic_mix += share[i] * cubic[i]
        d_l = slope(light, mix, l)
        if wp.static(has_cubic):
            d_l += cubic_slope(cubic_mix, l)
        d_t = r * rejected(d_l, l)
        d_b = wp.dot(d_t, (two * c - one) * n - wo)
        d_c = two * b * wp.dot(n, d_t) + d_facets * facets[1] * facets_slope(c, fit)
        d_c += d_fresnel * fit[5] * power_slope(c, fit, power)
        d_n = (one - b + two * b * c) * d_t
        if light.shape[0] > count:
            base = term_vector()
            for i in range(count):
                base += y[i] * light[count + i]
            u = wp.clamp(one - c, zero, one)
            u4 = u * u * u * u
            d_c += five * u4 * value(light, base, n)
            d_n += (one - u4 * u) * slope(light, base, n)
        return d_n + d_c * wo, d_c * n - b * d_t, d_b, d_facets, d_fresnel, share, seen

    @wp.func
    def radiance_pushed(
        n: vec3, wo: vec3, d_n: vec3, d_wo: vec3, fit: fit_vector, d_fit: fit_vector, f0: color, d_f0: color,
        light: wp.array(dtype=term_vector), cubic: wp.array(dtype=cubic_vector),
        d_light: wp.array(dtype=term_vector), d_cubic: wp.array(dtype=cubic_vector),
    ) -> color:  # fmt: skip
        c = wp.dot(n, wo)
        e = color()
        if c > zero:
            d_c = wp.dot(d_n, wo) + wp.dot(n, d_wo)
            a = facets_at(c, fit)
            d_facets = a[1] * (d_fit[1] + c * (d_fit[2] + c * d_fit[3]) + facets_slope(c, fit) * d_c)
            power = power_at(c, fit)
            d_power = power * d_fit[4] * wp.log(wp.max(one - c, least)) + power_slope(c, fit, power) * d_c
            fresnel = fit[5] * power
            d_fresnel = d_fit[5] * power + fit[5] * d_power
            b = fit[0]
            t = leaning(n, wo, c, b)
            r = inverse_length(t)
            l = r * t
            d_t = (one - b + two * b * c) * d_n + two * b * d_c * n - b * d_wo
            d_t += d_fit[0] * ((two * c - one) * n - wo)
            d_l = r * rejected(d_t, l)
            for i in range(count):
                seen = blurred(light, cubic, i, l)
                d_seen = blurred(d_light, d_cubic, i, l) + wp.dot(slope(light, light[i], l), d_l)
                if wp.static(has_cubic):
                    d_seen += wp.dot(cubic_slope(cubic[i], l), d_l)
                d_share = d_f0[i] * (a[0] - fresnel) + f0[i] * d_facets + (one - f0[i]) * d_fresnel
                e[i] = d_share * seen + (f0[i] * a[0] + (one - f0[i]) * fresnel) * d_seen
            if light.shape[0] > count:
                u = wp.clamp(one - c, zero, one)
                u4 = u * u * u * u
                for i in range(count):
                    k = light[count + i]
                    d_base = value(light, d_light[count + i], n) + wp.dot(slope(light, k, n), d_n)
                    e[i] = e[i] + five * u4 * d_c * value(light, k, n) + (one - u4 * u) * d_base
        return e

    return SimpleNamespace(
        radiance=radiance, radiance_pulled=radiance_pulled, radiance_pushed=radiance_pushed, facets_at=facets_at,
        power_at=power_at, leaning=leaning,
    )  # fmt: skip
