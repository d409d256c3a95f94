// The object relit under the pointer: one fragment shader over the packed normals and reflectance.
"use strict";

const RELIGHT_FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DArray;
${BRDF_GLSL}
uniform sampler2DArray layers;   // 0: normal, cover; 1: diffuse, height; 2: rough diffuse; 3: tint; 4..: lobe weights
uniform vec2 canvasSize, gridSize, origin;   // origin and zoom place the grid on the canvas
uniform float zoom, exposure, variance, fill, clay, summit;   // clay: its albedo; summit: the greatest height
uniform vec3 light;
uniform int mode, lobeCount, shadowSteps;
uniform float alpha[16];
uniform bool hasRough;
uniform vec3 background;
out vec4 colour;

vec4 layer(vec2 at, int index) { return texture(layers, vec3(at / gridSize, float(index))); }

// Visibility of the light over the height field: 1 / (1 + exp((clearance - 1) / 0.5)), clearance in pixels.
float visibility(vec2 at, float height) {
  float side = length(light.xy);
  if (shadowSteps == 0 || side < 0.05) return 1.0;
  vec2 way = vec2(light.x, -light.y) / side;
  float rise = light.z / side, clearance = -1e3;
  float reach = min(length(gridSize), (summit - height) / max(rise, 0.02));
  float stride = max(1.0, reach / float(shadowSteps));
  for (int i = 0; i < 96; i++) {
    if (i >= shadowSteps) break;
    float t = 2.0 + stride * float(i);
    vec2 there = at + way * t;
    if (any(lessThan(there, vec2(0.0))) || any(greaterThan(there, gridSize))) break;
    if (layer(there, 0).a > 0.8) clearance = max(clearance, layer(there, 1).a - height - rise * t);
  }
  return 1.0 / (1.0 + exp(min((clearance - 1.0) / 0.5, 60.0)));
}

void main() {
  vec2 pixel = vec2(gl_FragCoord.x, canvasSize.y - gl_FragCoord.y);
  vec2 at = (pixel - origin) / zoom;
  vec2 offset = (pixel - 0.5 * canvasSize) / (0.5 * min(canvasSize.x, canvasSize.y)) - vec2(light.x, -light.y);
  vec3 ground = background + 0.035 * exp(-dot(offset, offset) * 1.2);
  vec4 first = layer(at, 0);
  bool inside = all(greaterThanEqual(at, vec2(0.0))) && all(lessThanEqual(at, gridSize));
  ground += (fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5) / 255.0;   // no bands
  float cover = inside ? smoothstep(0.35, 0.65, first.a) : 0.0;
  if (cover <= 0.003) { colour = vec4(ground, 1.0); return; }
  vec3 n = normalize(first.xyz);
  vec3 shown;
  if (mode == 2) {
    shown = 0.5 * n + 0.5;
  } else {
    float nl = clamp(dot(n, light), 0.0, 1.0), nv = clamp(n.z, 1e-3, 1.0);
    float nh = clamp(dot(n, normalize(light + vec3(0.0, 0.0, 1.0))), 0.0, 1.0);
    vec4 second = layer(at, 1);
    vec3 albedo = mode == 3 ? vec3(clay) : second.rgb, radiance = albedo * nl;
    if (mode != 3 && hasRough) {
      vec3 rough = layer(at, 2).rgb;
      radiance += rough * orenNayarCosine(nl, nv, light.z, variance);
      albedo += rough;
    }
    if (mode == 0 && lobeCount > 0) {
      float gloss = 0.0;
      for (int k = 0; k < 16; k++) {
        if (k >= lobeCount) break;
        gloss += layer(at, 4 + k / 4)[k % 4] * ggxLobe(nl, nv, nh, alpha[k]);
      }
      radiance += layer(at, 3).rgb * gloss * nl;
    }
    if (nl > 0.0) radiance *= visibility(at, second.a);
    shown = tone((radiance + fill * albedo) * exposure);
  }
  colour = vec4(mix(ground, shown, cover), 1.0);
}`;

const RELIGHT_VERTEX = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }`;

// Packed integers to floats by channel name: v = offset + scale (q / (2^bits - 1))^power; rows hold differences.
function unpack(bytes, description) {
  const { width, height, channels } = description, count = width * height, out = {};
  let at = 0;
  for (const { name, bits, offset, scale, power } of channels) {
    const top = (1 << bits) - 1, wide = bits > 8, values = new Float32Array(count);
    const table = Float32Array.from({ length: top + 1 }, (_, q) => offset + scale * Math.pow(q / top, power));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0, q = 0; x < width; x++, i++) {
        const step = wide ? (bytes[at + i] << 8) | bytes[at + count + i] : bytes[at + i];
        q = (q + step) & top;
        values[i] = table[q];
      }
    }
    at += wide ? 2 * count : count;
    out[name] = values;
  }
  return out;
}

// Channels to RGBA layers of one array texture.
function layers(channels, description) {
  const count = description.width * description.height, lobes = description.alpha.length;
  const names = [["nx", "ny", "nz", "cover"], ["diffuse_r", "diffuse_g", "diffuse_b", "height"], [], []];
  if (description.rough) names[2] = ["rough_r", "rough_g", "rough_b"];
  if (lobes) names[3] = ["tint_r", "tint_g", "tint_b"];
  for (let k = 0; k < lobes; k += 4) names.push([0, 1, 2, 3].map((i) => `lobe_${k + i}`));
  channels.nz = channels.nx.map((x, i) => Math.sqrt(Math.max(0, 1 - x * x - channels.ny[i] * channels.ny[i])));
  const texels = new Float32Array(count * 4 * names.length);
  names.forEach((group, layer) => group.forEach((name, c) => {
    const values = channels[name];
    if (values) for (let i = 0, o = layer * count * 4 + c; i < count; i++, o += 4) texels[o] = values[i];
  }));
  return { texels, depth: names.length };
}

async function relight() {
  const stage = document.getElementById("relight");
  if (!stage) return false;
  const canvas = stage.querySelector("canvas"), lamp = stage.querySelector(".lamp");
  const readout = document.getElementById("relight-readout");
  const description = JSON.parse(document.getElementById("relight-description").textContent);
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
  if (!gl) { fallBack(stage, NO_WEBGL); return false; }
  if (!("DecompressionStream" in window)) { fallBack(stage, "This browser is too old to unpack the object; this is a still picture."); return false; }
  const channels = unpack(await inflate(document.getElementById("relight-data").textContent), description);
  const { texels, depth } = layers(channels, description);
  const program = link(gl, RELIGHT_VERTEX, RELIGHT_FRAGMENT), at = uniforms(gl, program);
  gl.useProgram(program);
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, gl.createTexture());
  gl.texImage3D(gl.TEXTURE_2D_ARRAY, 0, gl.RGBA16F, description.width, description.height, depth, 0, gl.RGBA, gl.FLOAT, texels);
  for (const [name, value] of [["MIN_FILTER", gl.LINEAR], ["MAG_FILTER", gl.LINEAR], ["WRAP_S", gl.CLAMP_TO_EDGE], ["WRAP_T", gl.CLAMP_TO_EDGE]])
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl["TEXTURE_" + name], value);
  gl.uniform2f(at.gridSize, description.width, description.height);
  gl.uniform1f(at.variance, description.variance);
  gl.uniform1f(at.fill, description.fill);
  gl.uniform1f(at.clay, 0.62 / description.exposure);
  gl.uniform1f(at.summit, description.relief ? channels.height.reduce((a, b) => Math.max(a, b), 0) : 0);
  gl.uniform1i(at.hasRough, description.rough ? 1 : 0);
  gl.uniform1i(at.lobeCount, description.alpha.length);
  if (description.alpha.length) gl.uniform1fv(at.alpha, description.alpha);

  const state = { x: -0.45, y: 0.5, mode: 0, stops: 0, shadows: description.relief, moving: !stillMotion.matches, phase: 2.2, scale: 1, slow: 0, taps: 64 };
  let placed = { zoom: 1, left: 0, top: 0, radius: 1 };

  // Light direction of a point of the unit disc (beyond it: the horizon), z to the viewer.
  const direction = () => {
    const radius = Math.hypot(state.x, state.y), fitted = radius > 0.995 ? 0.995 / radius : 1;
    const x = state.x * fitted, y = state.y * fitted;
    return [x, y, Math.sqrt(Math.max(0, 1 - x * x - y * y))];
  };

  const draw = () => {
    if (gl.isContextLost()) return;
    fit(canvas, state.scale);
    const { width, height } = canvas, margin = 0.06 * Math.min(width, height);
    const zoom = Math.min((width - 2 * margin) / description.width, (height - 2 * margin) / description.height);
    const left = (width - zoom * description.width) / 2, top = (height - zoom * description.height) / 2;
    placed = { zoom: zoom * canvas.clientWidth / width, left: left * canvas.clientWidth / width, top: top * canvas.clientHeight / height };
    const light = direction();
    gl.viewport(0, 0, width, height);
    gl.uniform2f(at.canvasSize, width, height);
    gl.uniform2f(at.origin, left, top);
    gl.uniform1f(at.zoom, zoom);
    gl.uniform1f(at.exposure, description.exposure * Math.pow(2, state.stops));
    gl.uniform3f(at.light, ...light);
    gl.uniform1i(at.mode, state.mode);
    gl.uniform1i(at.shadowSteps, state.shadows ? state.taps : 0);
    gl.uniform3f(at.background, 0.055, 0.058, 0.064);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const radius = Math.min(canvas.clientWidth, canvas.clientHeight) / 2;
    lamp.style.transform = `translate(${canvas.clientWidth / 2 + light[0] * radius}px, ${canvas.clientHeight / 2 - light[1] * radius}px)`;
  };

  // The light's own path until someone takes it: a slow figure of eight.
  const step = (seconds) => {
    if (!state.moving) return false;
    state.slow = 0.9 * state.slow + 0.1 * seconds;
    if (state.slow > 0.055 && state.scale > 0.5) { state.scale *= 0.8; state.slow = 0; }
    state.phase += 0.55 * seconds;
    state.x = 0.72 * Math.sin(state.phase);
    state.y = 0.25 + 0.45 * Math.sin(2 * state.phase);
    return true;
  };
  const ask = painter(canvas, step, draw);

  const motion = document.getElementById("relight-motion");
  const setMoving = (moving) => {
    state.moving = moving;
    motion.setAttribute("aria-pressed", String(moving));
    motion.textContent = moving ? "Hold the light" : "Move the light";
    ask();
  };
  const describe = () => {
    const [x, y, z] = direction(), tilt = Math.round(Math.acos(z) * 180 / Math.PI);
    const azimuth = (Math.round(Math.atan2(y, x) * 180 / Math.PI) + 360) % 360;
    return `Light ${tilt}° from the camera axis, at ${azimuth}°`;
  };
  const setLight = (x, y) => {
    state.x = x;
    state.y = y;
    if (state.moving) setMoving(false);
    readout.textContent = describe();
    ask();
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect(), radius = Math.min(box.width, box.height) / 2;
    const px = event.clientX - box.left, py = event.clientY - box.top;
    setLight((px - box.width / 2) / radius, (box.height / 2 - py) / radius);
    const column = Math.floor((px - placed.left) / placed.zoom), row = Math.floor((py - placed.top) / placed.zoom);
    const i = row * description.width + column;
    if (column >= 0 && row >= 0 && column < description.width && row < description.height && channels.cover[i] > 0.5) {
      const n = [channels.nx[i], channels.ny[i], channels.nz[i]].map((v) => v.toFixed(2).replace("-", "−"));
      readout.textContent += ` · normal here (${n.join(", ")})`;
    }
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way) {
      const pace = event.shiftKey ? 0.02 : 0.07, [x, y] = direction();
      const to = [x + way[0] * pace, y + way[1] * pace], radius = Math.max(1, Math.hypot(...to));
      setLight(to[0] / radius, to[1] / radius);
    } else if (event.key === "Home") setLight(0, 0);
    else if (event.key === " ") setMoving(!state.moving);
    else return;
    event.preventDefault();
  });
  motion.addEventListener("click", () => setMoving(!state.moving));
  for (const choice of document.querySelectorAll("input[name=relight-mode]")) {
    if (choice.checked) state.mode = Number(choice.value);
    choice.addEventListener("change", () => { state.mode = Number(choice.value); stage.classList.toggle("unlit", state.mode === 2); ask(); });
  }
  const intensity = document.getElementById("relight-intensity"), intensityText = document.getElementById("relight-intensity-text");
  const setIntensity = () => {
    state.stops = Number(intensity.value);
    intensityText.textContent = `${Math.pow(2, state.stops).toFixed(2)}×`;
    ask();
  };
  intensity.addEventListener("input", setIntensity);
  setIntensity();
  const shadows = document.getElementById("relight-shadows");
  if (shadows) shadows.addEventListener("change", () => { state.shadows = shadows.checked; ask(); });
  if (shadows) state.shadows = shadows.checked;
  canvas.addEventListener("webglcontextlost", () => fallBack(stage, "The graphics driver let go of the picture; reload the page to relight it."));
  // Without a graphics card a picture may take long: draw fewer pixels and follow shadows in longer strides.
  const timed = () => {
    const start = performance.now();
    draw();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - start;
  };
  timed();   // compiles
  const cost = timed();
  if (cost > 40) Object.assign(state, { taps: 24, scale: Math.max(0.4, Math.min(1, Math.sqrt(2 * 40 / cost))) });
  setMoving(state.moving);
  draw();
  stage.classList.add("live");
  window.sharpvision.setLight = setLight;
  window.sharpvision.draw = draw;
  return true;
}
