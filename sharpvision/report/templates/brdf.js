// The reflectance model, once: the same formulas as kernels/reflectance_basis.py and page_relight.shade.
const BRDF_GLSL = `
const float PI = 3.14159265358979;

// GGX distribution times Smith's separable masking over 4 n.l n.v; no Fresnel (Walter et al. 2007).
float ggxLobe(float nl, float nv, float nh, float alpha) {
  float a2 = alpha * alpha;
  float d = nh * nh * (a2 - 1.0) + 1.0;
  float masking = (nl + sqrt(a2 + (1.0 - a2) * nl * nl)) * (nv + sqrt(a2 + (1.0 - a2) * nv * nv));
  return a2 / (PI * d * d) / masking;
}

// n.l (A + B max(0, cos dphi) sin(alpha) tan(beta)) (Oren and Nayar 1994, qualitative).
float orenNayarCosine(float nl, float nv, float lv, float variance) {
  float a = 1.0 - 0.5 * variance / (variance + 0.33);
  float b = 0.45 * variance / (variance + 0.09);
  return nl * (a + b * max(0.0, lv - nl * nv) / max(max(nl, nv), 1e-3));
}

// Linear below the shoulder, rolling off towards 1 above it, then sRGB.
vec3 tone(vec3 linear) {
  const float s = 0.7;
  vec3 rolled = min(linear, s) + (1.0 - s) * (1.0 - exp(-max(linear - s, 0.0) / (1.0 - s)));
  rolled = clamp(rolled, 0.0, 1.0);
  return mix(1.055 * pow(max(rolled, 1e-9), vec3(1.0 / 2.4)) - 0.055, 12.92 * rolled, vec3(lessThanEqual(rolled, vec3(0.0031308))));
}
`;
