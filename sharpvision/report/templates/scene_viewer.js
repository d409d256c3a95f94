// A scene to turn about: its materials and lights as sharpvision shades them, without cast shadows.
"use strict";

const SCENE_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;   // unsigned 16 bits, normalised
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 paint;
layout(location = 3) in vec2 coordinate; // unsigned 16 bits, normalised
uniform mat4 sight;
uniform vec3 corner;
uniform float extent;
uniform vec4 frame;                      // offset and size of the texture coordinates
out vec3 place, n, base;
out vec2 uv;
void main() {
  place = corner + extent * position;
  n = normal;
  base = paint;
  uv = frame.xy + frame.zw * coordinate;
  gl_Position = sight * vec4(place, 1.0);
}`;

const SCENE_FRAGMENT = `#version 300 es
precision highp float;
in vec3 place, n, base;
in vec2 uv;
uniform int mode, kind, lamps, order;
uniform bool parallel;
uniform vec3 eye, gaze;
uniform vec3 colour, f0;
uniform float metallic, roughness;
uniform ivec4 mapped;                    // base colour, metallic, roughness, normal: which come from a picture
uniform ivec2 channel;
uniform sampler2D colourMap, metallicMap, roughnessMap, normalMap;
uniform vec4 lampPlace[8];               // w = 1 for a point light, 0 for a direction
uniform vec3 lampPower[8], sky[25];
out vec4 shown;
const float PI = 3.14159265;
float passed(float c) { return 1.0 - pow(clamp(1.0 - c, 0.0, 1.0), 5.0); }
float facets(vec3 m, vec3 wi, vec3 wo, float alpha) {
  float i = dot(m, wi), o = dot(m, wo), a2 = max(alpha, 0.001) * max(alpha, 0.001);
  vec3 h = normalize(wi + wo), k = cross(m, h);
  float s = a2 * dot(m, h) * dot(m, h) + dot(k, k);
  return a2 / (PI * s * s) / ((i + sqrt(a2 + (1.0 - a2) * i * i)) * (o + sqrt(a2 + (1.0 - a2) * o * o)));
}
float rows[25];
void basis(vec3 d) {
  float x = d.x, y = d.y, z = d.z, xx = x * x, yy = y * y, zz = z * z;
  rows[0] = 0.28209479; rows[1] = 0.48860251 * y; rows[2] = 0.48860251 * z; rows[3] = 0.48860251 * x;
  rows[4] = 1.09254843 * x * y; rows[5] = 1.09254843 * y * z; rows[6] = 0.31539157 * (3.0 * zz - 1.0); rows[7] = 1.09254843 * x * z; rows[8] = 0.54627422 * (xx - yy);
  rows[9] = 0.59004359 * y * (3.0 * xx - yy); rows[10] = 2.89061144 * x * y * z; rows[11] = 0.45704580 * y * (5.0 * zz - 1.0); rows[12] = 0.37317633 * z * (5.0 * zz - 3.0);
  rows[13] = 0.45704580 * x * (5.0 * zz - 1.0); rows[14] = 1.44530572 * z * (xx - yy); rows[15] = 0.59004359 * x * (xx - 3.0 * yy);
  rows[16] = 2.50334294 * x * y * (xx - yy); rows[17] = 1.77013077 * y * z * (3.0 * xx - yy); rows[18] = 0.94617470 * x * y * (7.0 * zz - 1.0); rows[19] = 0.66904654 * y * z * (7.0 * zz - 3.0);
  rows[20] = 0.10578555 * (35.0 * zz * zz - 30.0 * zz + 3.0); rows[21] = 0.66904654 * x * z * (7.0 * zz - 3.0); rows[22] = 0.47308735 * (xx - yy) * (7.0 * zz - 1.0);
  rows[23] = 1.77013077 * x * z * (xx - 3.0 * yy); rows[24] = 0.62583574 * (xx * (xx - 3.0 * yy) - yy * (3.0 * xx - yy));
}
vec3 spread(vec3 d, float band[5]) {
  basis(d);
  vec3 total = vec3(0.0);
  for (int l = 0; l <= 4; l++) {
    if (l > order) break;
    for (int k = l * l; k < (l + 1) * (l + 1); k++) total += band[l] * rows[k] * sky[k];
  }
  return total;
}
vec3 lobeAlbedo(float c, float alpha, vec3 f) {
  float s = sqrt(alpha);
  float a = clamp(0.97 + s * (-0.717 + s * (1.85 - 1.528 * s)) + c * (0.821 + s * (-2.864 + 1.452 * s) + c * (0.414 + 0.15 * s - 0.221 * c)), 0.0, 1.0);
  float b = pow(max(1.0 - c, 1e-6), 5.0 * exp(-2.684 * alpha)) / (1.0 + 38.0 * pow(alpha, 1.357));
  return f * a + (1.0 - f) * b;
}
vec3 bump(vec3 m) {
  vec3 t = texture(normalMap, uv).xyz * 2.0 - 1.0, px = dFdx(place), py = dFdy(place);
  vec2 ux = dFdx(uv), uy = dFdy(uv);
  vec3 along = px * uy.y - py * ux.y;
  float turn = ux.x * uy.y - ux.y * uy.x;
  along = (along - m * dot(m, along)) * sign(turn);
  if (dot(along, along) < 1e-20) return m;
  along = normalize(along);
  return normalize(t.x * along + t.y * cross(m, along) + t.z * m);
}
vec3 srgb(vec3 c) { c = clamp(c, 0.0, 1.0); return mix(12.92 * c, 1.055 * pow(max(c, 1e-9), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }
void main() {
  vec3 m = normalize(n), wo = parallel ? -gaze : normalize(eye - place);
  if (mode == 1) {
    vec3 f = dot(m, wo) < 0.0 ? -m : m;
    shown = vec4(srgb(vec3(0.42) * (0.25 + 0.75 * max(dot(f, wo), 0.0))), 1.0);
    return;
  }
  if (mapped.w == 1) m = bump(m);
  if (mode == 2) { shown = vec4(0.5 * m + 0.5, 1.0); return; }
  vec3 tone = mapped.x == 1 ? texture(colourMap, uv).rgb : mapped.x == 2 ? base : colour;
  float metal = mapped.y == 1 ? texture(metallicMap, uv)[channel.x] : metallic;
  float rough = mapped.z == 1 ? texture(roughnessMap, uv)[channel.y] : roughness;
  float alpha = kind == 1 ? max(rough, 0.001) : max(rough * rough, 0.001);
  vec3 albedo = kind == 1 ? vec3(0.0) : kind == 2 ? tone * (1.0 - metal) : tone;
  vec3 f = kind == 1 ? f0 : mix(vec3(0.04), tone, metal);
  float o = dot(m, wo);
  vec3 total = vec3(0.0);
  for (int k = 0; k < 8; k++) {
    if (k >= lamps) break;
    vec3 d = lampPlace[k].w > 0.5 ? lampPlace[k].xyz - place : lampPlace[k].xyz;
    vec3 wi = normalize(d), power = lampPlace[k].w > 0.5 ? lampPower[k] / dot(d, d) : lampPower[k];
    float i = dot(m, wi);
    if (i <= 0.0 || (kind != 0 && o <= 0.0)) continue;
    vec3 brdf = albedo / PI;
    if (kind != 0) {
      brdf *= (1.0 - f) * passed(i) * passed(o);
      brdf += facets(m, wi, wo, alpha) * (f + (1.0 - f) * pow(clamp(1.0 - dot(wo, normalize(wi + wo)), 0.0, 1.0), 5.0));
    }
    total += brdf * power * i;
  }
  if (order >= 0) {
    vec3 arriving = spread(m, float[5](PI, 2.0943951, 0.78539816, 0.0, -0.13089969));
    if (kind == 0) total += albedo * arriving / PI;
    else {
      float c = max(o, 0.0);
      total += albedo * (1.0 - f) * (20.0 / 21.0) * passed(c) * arriving / PI;
      if (o > 0.0) {
        float bend = (1.0 - alpha) * (sqrt(max(1.0 - alpha, 1e-6)) + alpha), a2 = alpha * alpha;
        vec3 mirror = normalize(m + bend * (2.0 * o * m - wo - m));
        total += lobeAlbedo(o, alpha, f) * spread(mirror, float[5](1.0, exp(-a2), exp(-4.0 * a2), exp(-9.0 * a2), exp(-16.0 * a2)));
      }
    }
  }
  shown = vec4(srgb(total), 1.0);
}`;

const minus = (a, b) => a.map((v, k) => v - b[k]);
const mix3 = (...terms) => [0, 1, 2].map((k) => terms.reduce((sum, [w, v]) => sum + w * v[k], 0));
const dot3 = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross3 = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit3 = (a) => { const s = Math.hypot(...a) || 1; return a.map((v) => v / s); };

// Planes of one attribute to interleaved tuples.
function tuples(planes, count, size, Kind) {
  const out = new Kind(count * size);
  for (let c = 0; c < size; c++) for (let i = 0; i < count; i++) out[size * i + c] = planes[c * count + i];
  return out;
}

async function sceneTexture(gl, uri, srgb, wrap) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, srgb ? gl.SRGB8_ALPHA8 : gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, image);
  gl.generateMipmap(gl.TEXTURE_2D);
  const kind = { repeat: gl.REPEAT, clamp: gl.CLAMP_TO_EDGE, mirror: gl.MIRRORED_REPEAT }[wrap];
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, kind);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, kind);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  return texture;
}

async function sceneViewer() {
  const stage = document.getElementById("scene"), canvas = stage.querySelector("canvas");
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: false, preserveDrawingBuffer: true });
  if (!gl) { fallBack(stage, NO_WEBGL); return false; }
  if (!("DecompressionStream" in window)) { fallBack(stage, "This browser is too old to unpack the scene."); return false; }
  const about = JSON.parse(document.getElementById("scene-description").textContent);
  const bytes = (await inflate(document.getElementById("scene-data").textContent)).buffer;
  const { vertices: V, triangles: F } = about;
  const parts = [
    [tuples(new Uint16Array(bytes, 0, 3 * V), V, 3, Uint16Array), gl.UNSIGNED_SHORT, 3],
    [tuples(new Int16Array(bytes, 6 * V, 3 * V), V, 3, Int16Array), gl.SHORT, 3],
    [tuples(new Uint16Array(bytes, 12 * V, 3 * V), V, 3, Uint16Array), gl.UNSIGNED_SHORT, 3],
    [tuples(new Uint16Array(bytes, 18 * V, 2 * V), V, 2, Uint16Array), gl.UNSIGNED_SHORT, 2],
  ];
  const steps = new Int32Array(bytes.slice(22 * V)), indices = new Uint32Array(3 * F);
  for (let c = 0; c < 3; c++) for (let i = 0, v = 0; i < F; i++) indices[3 * i + c] = v += steps[c * F + i];
  const program = link(gl, SCENE_VERTEX, SCENE_FRAGMENT), at = uniforms(gl, program);
  gl.useProgram(program);
  parts.forEach(([data, type, size], location) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, true, 0, 0);
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
  const pictures = await Promise.all(about.pictures.map((p) => sceneTexture(gl, p.uri, p.srgb, p.wrap)));
  ["colourMap", "metallicMap", "roughnessMap", "normalMap"].forEach((name, unit) => gl.uniform1i(at[name], unit));
  gl.enable(gl.DEPTH_TEST);
  gl.uniform3fv(at.corner, about.corner);
  gl.uniform1f(at.extent, about.extent);
  gl.uniform1i(at.lamps, about.lamps.length);
  if (about.lamps.length) {
    gl.uniform4fv(at.lampPlace, about.lamps.flatMap((l) => l.place));
    gl.uniform3fv(at.lampPower, about.lamps.flatMap((l) => l.power));
  }
  gl.uniform1i(at.order, about.order);
  if (about.order >= 0) gl.uniform3fv(at.sky, about.sky.flat());

  // Where the camera stands, as turns about the target: `up` is the axis, `front` points from it to the camera.
  const cam = about.camera, up = unit3(cam.up), away = minus(cam.eye, cam.target), start = Math.hypot(...away);
  let front = mix3([1, away], [-dot3(away, up), up]);
  if (Math.hypot(...front) < 1e-6 * start) front = cross3(up, Math.abs(up[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0]);
  front = unit3(front);
  const side = cross3(up, front), first = { yaw: 0, pitch: Math.asin(dot3(away, up) / start), distance: start };
  const state = { ...first, mode: 0 };
  const draw = () => {
    if (gl.isContextLost()) return;
    fit(canvas, 1);
    const { width, height } = canvas, [cy, sy, cp, sp] = [Math.cos(state.yaw), Math.sin(state.yaw), Math.cos(state.pitch), Math.sin(state.pitch)];
    const out = mix3([cp * cy, front], [cp * sy, side], [sp, up]), gaze = out.map((v) => -v);
    const eye = mix3([1, cam.target], [state.distance, out]);
    const right = mix3([cy, side], [-sy, front]), top = cross3(out, right);
    // Focal length so that the scene file's image fits the canvas whole.
    const zoom = 2 * cam.focal * Math.min(width / cam.width, height / cam.height);
    const far = state.distance + 3 * about.extent, near = cam.parallel ? -far : Math.max(0.002 * about.extent, cam.near);
    const scale = cam.parallel ? zoom * start / state.distance : zoom, x = scale / width, y = scale / height;
    const row = (v, s) => [...v.map((c) => c * s), -s * dot3(v, eye)];
    const depth = row(gaze, 1), w = cam.parallel ? [0, 0, 0, 1] : depth;
    const a = cam.parallel ? 1 / far : (far + near) / (far - near), b = cam.parallel ? 0 : -2 * far * near / (far - near);
    const z = depth.map((v, k) => a * v + (k === 3 ? b : 0)), X = row(right, x), Y = row(top, y);
    gl.viewport(0, 0, width, height);
    gl.clearColor(...about.background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(at.sight, false, [0, 1, 2, 3].flatMap((k) => [X[k], Y[k], z[k], w[k]]));
    gl.uniform3fv(at.eye, eye);
    gl.uniform3fv(at.gaze, gaze);
    gl.uniform1i(at.parallel, cam.parallel ? 1 : 0);
    gl.uniform1i(at.mode, state.mode);
    for (const shape of about.shapes) {
      const m = shape.material, source = (p) => (p === null || p === undefined ? 0 : 1);
      gl.uniform1i(at.kind, m.kind);
      gl.uniform3fv(at.colour, m.colour);
      gl.uniform3fv(at.f0, m.f0);
      gl.uniform1f(at.metallic, m.metallic);
      gl.uniform1f(at.roughness, m.roughness);
      gl.uniform4i(at.mapped, m.painted ? 2 : source(m.maps[0]), source(m.maps[1]), source(m.maps[2]), source(m.maps[3]));
      gl.uniform2i(at.channel, 0, 0);
      gl.uniform4fv(at.frame, shape.frame);
      m.maps.forEach((picture, unit) => {
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(gl.TEXTURE_2D, source(picture) ? pictures[picture] : null);
      });
      gl.drawElements(gl.TRIANGLES, 3 * shape.triangles, gl.UNSIGNED_INT, 12 * shape.first);
    }
  };
  const ask = painter(canvas, () => false, draw);
  const turn = (yaw, pitch) => {
    state.yaw += yaw;
    state.pitch = Math.max(-1.55, Math.min(1.55, state.pitch + pitch));
    ask();
  };
  const nearer = (factor) => {
    state.distance = Math.max(0.02 * start, Math.min(20 * start, state.distance / factor));
    ask();
  };

  // One finger turns, two bring nearer.
  const fingers = new Map();
  const span = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const before = fingers.size === 2 ? span() : 0, moved = [event.clientX - finger.x, event.clientY - finger.y];
    finger.x = event.clientX;
    finger.y = event.clientY;
    if (fingers.size === 2 && before > 0) nearer(span() / before);
    else if (fingers.size === 1) turn(-moved[0] * 0.008, moved[1] * 0.008);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    nearer(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const key = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (key) turn(...key);
    else if (event.key === "+" || event.key === "=") nearer(1.15);
    else if (event.key === "-") nearer(1 / 1.15);
    else if (event.key === "Home") { Object.assign(state, first); ask(); }
    else return;
    event.preventDefault();
  });
  for (const choice of document.querySelectorAll("input[name=scene-mode]")) {
    if (choice.checked) state.mode = Number(choice.value);
    choice.addEventListener("change", () => { state.mode = Number(choice.value); ask(); });
  }
  document.getElementById("scene-home").addEventListener("click", () => { Object.assign(state, first); ask(); });
  canvas.addEventListener("webglcontextlost", () => fallBack(stage, "The graphics driver let go of the scene; reload the page to see it."));
  draw();
  stage.classList.add("live");
  Object.assign(window.sharpvision, { turn, draw });
  return true;
}

window.sharpvision.ready = sceneViewer().catch((error) => {
  fallBack(document.getElementById("scene"), `This picture stays still: ${error.message}`);
  return false;
});
