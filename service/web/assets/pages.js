// Clocks that run and pages that stay fresh. Without it everything works, as of when the page was made.
(() => {
  "use strict";
  const words = document.body.dataset;

  // As service/domain/durations.py writes them: minutes below two hours, hours up to 72; brief as pages/times.py does.
  const span = (milliseconds, brief) => {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    const days = seconds > 259200 ? Math.floor(seconds / 86400) : 0;
    const hours = seconds < 7200 ? 0 : Math.floor(seconds / 3600) - days * 24;
    const minutes = Math.floor(seconds / 60) - (days * 24 + hours) * 60;
    const parts = [[days, "unitD"], [hours, "unitH"], [minutes, "unitMin"], [seconds % 60, "unitS"]].filter(([number]) => number > 0);
    if (!parts.length) parts.push([0, "unitS"]);
    if (brief) parts.splice(parts[0][0] >= 30 && parts[0][1] === "unitD" ? 1 : 2);
    return parts.map(([number, unit]) => words[unit].replace("{n}", number)).join(words.unitJoin);
  };

  // No live region: a clock that speaks every second is of no use to anybody. Readers find the time where they look.
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      const at = Date.parse(clock.dateTime);
      const length = clock.dataset.clock === "since" ? Date.now() - at : at - Date.now();
      clock.textContent = span(length, "brief" in clock.dataset);
    }
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (document.querySelector("[data-clock]")) setInterval(tick, calm ? 30000 : 1000);

  // Columns sort the lines that are shown, and again when the page is loaded again; at first they are in its own order.
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  const between = (one, other) => (isFinite(one) && isFinite(other) && one !== "" && other !== "" ? one - other : compare(one, other));
  const heads = [...document.querySelectorAll("table.sortable thead th")];
  const sort = (head, descending) => {
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const order = [...body.rows].sort((a, b) => between(keyOf(a, head.cellIndex), keyOf(b, head.cellIndex)));
    body.append(...(descending ? order.reverse() : order));
  };
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      sort(head, descending);
      history.replaceState({ sorted: [heads.indexOf(head), descending] }, "");
    });
  }
  const [sorted, descending] = history.state?.sorted ?? [];
  if (heads[sorted]) sort(heads[sorted], descending);

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
