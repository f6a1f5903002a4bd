// Live progress of a run. Pages work without this: it only spares people from looking again.
"use strict";
const shown = document.getElementById("progress");
if (shown && window.EventSource) {
  const source = new EventSource("/desk/progress");
  source.onmessage = (event) => {
    shown.textContent = event.data;
  };
  source.addEventListener("done", () => {
    source.close();
    location.reload();
  });
}
// What an address points to is where the keyboard goes on.
const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (target) target.focus({ preventScroll: false });
