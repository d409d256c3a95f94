// The surface in 3D: drag or arrow keys turn it, the wheel (once it has the focus) and + and - bring it nearer.
"use strict";

const MESH_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;   // unsigned 16 bits, normalised
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 paint;
uniform mat3 turn;
uniform vec3 middle;
uniform vec2 aspect;
uniform float zoom;
out vec3 n, base, eye;
void main() {
  vec3 p = turn * (position - middle);
  n = turn * normal;
  base = paint;
  const float distance = 3.4;
  float w = distance - p.z;
  eye = vec3(-p.xy, w);
  const float near = 1.5, far = 6.0;
  gl_Position = vec4(p.xy * zoom * distance * aspect, ((far + near) * w - 2.0 * far * near) / (far - near), w);
}`;

const MESH_FRAGMENT = `#version 300 es
precision highp float;
in vec3 n, base, eye;
uniform int mode;
out vec4 colour;
vec3 linear(vec3 c) { return pow(c, vec3(2.2)); }
void main() {
  vec3 m = normalize(n), v = normalize(eye);
  bool back = !gl_FrontFacing;
  if (dot(m, v) < 0.0 && back) m = -m;
  if (mode == 2 && !back) { colour = vec4(0.5 * normalize(n) + 0.5, 1.0); return; }
  vec3 key = normalize(vec3(-0.45, 0.6, 0.75)), rim = normalize(vec3(0.8, -0.1, 0.35));
  vec3 albedo = back ? vec3(0.10) : mode == 0 ? linear(base) : vec3(0.42);
  float lit = 0.85 * max(dot(m, key), 0.0) + 0.22 * max(dot(m, rim), 0.0) + 0.10 + 0.06 * m.y;
  float gloss = back ? 0.0 : 0.10 * pow(max(dot(m, normalize(key + v)), 0.0), 28.0);
  colour = vec4(pow(clamp(albedo * lit * 1.25 + gloss, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}`;

// Planes of one attribute (x..., y..., z...) to interleaved triples.
function interleave(planes, count, Kind) {
  const out = new Kind(count * 3);
  for (let c = 0; c < 3; c++) for (let i = 0; i < count; i++) out[3 * i + c] = planes[c * count + i];
  return out;
}

// Corners stored as differences, one list a corner, to triangle indices.
function corners(steps, count) {
  const out = new Uint32Array(count * 3);
  for (let c = 0; c < 3; c++) for (let i = 0, v = 0; i < count; i++) out[3 * i + c] = v += steps[c * count + i];
  return out;
}

async function meshViewer() {
  const stage = document.getElementById("mesh");
  if (!stage) return false;
  const canvas = stage.querySelector("canvas");
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: false, preserveDrawingBuffer: true });
  if (!gl) { fallBack(stage, NO_WEBGL); return false; }
  if (!("DecompressionStream" in window)) { fallBack(stage, "This browser is too old to unpack the mesh."); return false; }
  const { vertices: V, triangles: F, size } = JSON.parse(document.getElementById("mesh-description").textContent);
  const bytes = (await inflate(document.getElementById("mesh-data").textContent)).buffer;
  const attributes = [
    [interleave(new Uint16Array(bytes, 0, 3 * V), V, Uint16Array), gl.UNSIGNED_SHORT],
    [interleave(new Int8Array(bytes, 6 * V, 3 * V), V, Int8Array), gl.BYTE],
    [interleave(new Uint8Array(bytes, 9 * V, 3 * V), V, Uint8Array), gl.UNSIGNED_BYTE],
  ];
  const indices = corners(new Int32Array(bytes.slice(12 * V)), F);
  const program = link(gl, MESH_VERTEX, MESH_FRAGMENT), at = uniforms(gl, program);
  gl.useProgram(program);
  attributes.forEach(([data, type], location) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 3, type, true, 0, 0);
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
  gl.enable(gl.DEPTH_TEST);
  gl.uniform3f(at.middle, size[0] / 2, size[1] / 2, size[2] / 2);

  const wide = Math.hypot(size[0], size[2]), tall = size[1];
  const state = { yaw: -0.5, pitch: 0.25, zoom: 1, mode: 1, sway: 0, moving: !stillMotion.matches };
  const draw = () => {
    if (gl.isContextLost()) return;
    fit(canvas, 1);
    const { width, height } = canvas, side = Math.min(width, height);
    const [cy, sy, cp, sp] = [Math.cos(state.yaw), Math.sin(state.yaw), Math.cos(state.pitch), Math.sin(state.pitch)];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(at.turn, false, [cy, sp * sy, -cp * sy, 0, cp, sp, sy, -sp * cy, cp * cy]);
    gl.uniform2f(at.aspect, side / width, side / height);
    gl.uniform1f(at.zoom, state.zoom * 1.7 / Math.max(wide * side / width, tall * side / height));
    gl.uniform1i(at.mode, state.mode);
    gl.drawElements(gl.TRIANGLES, 3 * F, gl.UNSIGNED_INT, 0);
  };
  const step = (seconds) => {
    if (!state.moving) return false;
    state.sway += 0.5 * seconds;
    state.yaw = -0.6 * Math.cos(state.sway);
    return true;
  };
  const ask = painter(canvas, step, draw);
  const turn = (yaw, pitch) => {
    state.moving = false;
    state.yaw += yaw;
    state.pitch = Math.max(-1.5, Math.min(1.5, state.pitch + pitch));
    ask();
  };
  const nearer = (factor) => {
    state.moving = false;
    state.zoom = Math.max(0.4, Math.min(12, state.zoom * factor));
    ask();
  };

  // One finger turns, two bring nearer.
  const fingers = new Map();
  const span = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
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
    else if (fingers.size === 1) turn(moved[0] * 0.008, moved[1] * 0.008);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    nearer(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const key = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (key) turn(...key);
    else if (event.key === "+" || event.key === "=") nearer(1.15);
    else if (event.key === "-") nearer(1 / 1.15);
    else if (event.key === "Home") { Object.assign(state, { yaw: -0.5, pitch: 0.25, zoom: 1 }); ask(); }
    else return;
    event.preventDefault();
  });
  for (const choice of document.querySelectorAll("input[name=mesh-mode]")) {
    if (choice.checked) state.mode = Number(choice.value);
    choice.addEventListener("change", () => { state.mode = Number(choice.value); ask(); });
  }
  canvas.addEventListener("webglcontextlost", () => fallBack(stage, "The graphics driver let go of the mesh; reload the page to see it."));
  draw();
  ask();
  stage.classList.add("live");
  window.sharpvision.turnMesh = turn;
  return true;
}
