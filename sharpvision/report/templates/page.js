// Starts what moves; `sharpvision.ready` resolves to whether the object can be relit.
"use strict";

for (const range of document.querySelectorAll("input[data-wipe]")) {
  const picture = range.closest(".wipe");
  const wipe = () => picture.style.setProperty("--wipe", `${range.value}%`);
  range.addEventListener("input", wipe);
  wipe();
}

const starting = { relight: relight, mesh: meshViewer };
window.sharpvision.ready = Promise.all(Object.entries(starting).map(async ([id, start]) => {
  try {
    return await start();
  } catch (error) {
    fallBack(document.getElementById(id), `This picture stays still: ${error.message}`);
    return false;
  }
})).then(([relit]) => relit);
