// Clocks that run and pages that stay fresh. Without it everything works, as of when the page was made.
(() => {
  "use strict";
  const words = document.body.dataset;
  const sizes = [["unitD", 86400, Infinity], ["unitH", 3600, 24], ["unitMin", 60, 60], ["unitS", 1, 60]];

  const span = (milliseconds) => {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const parts = sizes.map(([unit, size, limit]) => [Math.floor(seconds / size) % limit || (limit === Infinity ? Math.floor(seconds / size) : 0), unit]);
    const found = sizes.findIndex(([, size]) => seconds >= size);
    const first = found < 0 ? sizes.length - 1 : found;
    const said = parts.slice(first, first + 2).filter(([number]) => number > 0);
    return (said.length ? said : [[0, "unitS"]]).map(([number, unit]) => words[unit].replace("{n}", number)).join(words.unitJoin);
  };

  // No live region: a clock that speaks every second is of no use to anybody. Readers find the time where they look.
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      const at = Date.parse(clock.dateTime);
      clock.textContent = span(clock.dataset.clock === "since" ? Date.now() - at : at - Date.now());
    }
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (document.querySelector("[data-clock]")) setInterval(tick, calm ? 30000 : 1000);

  // What was just done is said once, not again when the page is loaded again.
  const here = new URL(location.href);
  if (here.searchParams.has("said")) {
    here.searchParams.delete("said");
    history.replaceState(null, "", here);
  }

  // Nobody loses what they type, read or select: the page is only loaded again while it is left alone.
  const busy = () =>
    document.hidden ||
    document.querySelector("details[open]") ||
    (document.activeElement && document.activeElement.closest("form, a, summary, [tabindex='0']")) ||
    String(getSelection()) !== "";
  const seconds = Number(words.refresh);
  if (seconds > 0) setInterval(() => busy() || location.reload(), seconds * 1000);
})();
