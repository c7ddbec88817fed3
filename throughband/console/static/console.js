// Small comforts. Every page is whole without them.
(() => {
  "use strict";
  // A form sent twice by a double click would be answered by a stale page.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method !== "post" || event.defaultPrevented) return;
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button) setTimeout(() => { button.setAttribute("aria-busy", "true"); }, 0);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  const faults = document.getElementById("faults");
  if (faults) faults.focus();
  // Copy what is shown once, such as a new token.
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
    });
  }
  // The menu of narrow screens closes when a place is chosen within the page.
  document.getElementById("places")?.addEventListener("click", (event) => {
    if (event.target.closest("a[href^='#']")) event.currentTarget.hidePopover?.();
  });
  // A page that says it is being worked out asks again as a whole: the next one has scripts of its own.
  if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 1000);
})();
