// What the relit picture and the mesh share: reading packed numbers, programs, and a still place for errors.
"use strict";

const stillMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

// Base64 of a zlib stream to bytes.
async function inflate(base64) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function compile(gl, type, source) {
  const shader = gl.createShader(type);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
  return shader;
}

function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl, gl.VERTEX_SHADER, vertex));
  gl.attachShader(program, compile(gl, gl.FRAGMENT_SHADER, fragment));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

// Locations of a program's uniforms by name.
function uniforms(gl, program) {
  const found = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const name = gl.getActiveUniform(program, i).name.replace("[0]", "");
    found[name] = gl.getUniformLocation(program, name);
  }
  return found;
}

// Match the drawing buffer to the element; says whether it changed.
function fit(canvas, scale) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2) * scale;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

// Tell the reader that only the still picture is there, and why.
function fallBack(stage, reason) {
  stage.classList.add("still");
  const message = stage.querySelector(".stage-message");
  message.textContent = reason;
  message.hidden = false;
}

// Calls draw() at most once a frame, while the element is on screen, as long as step() says there is more to come.
function painter(element, step, draw) {
  let asked = false, visible = true, last = 0;
  const frame = (now) => {
    asked = false;
    const more = step(Math.min(now - last, 100) / 1000);
    last = now;
    draw();
    if (more && visible) ask();
  };
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(frame);
  };
  if ("IntersectionObserver" in window) {
    new IntersectionObserver((entries) => {
      visible = entries[entries.length - 1].isIntersecting;
      if (visible) ask();
    }).observe(element);
  }
  new ResizeObserver(ask).observe(element);
  return ask;
}

const NO_WEBGL = "This browser offers no WebGL 2, so this is a still picture.";

window.sharpvision = window.sharpvision || {};
