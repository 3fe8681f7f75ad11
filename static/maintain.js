/* What the pages of reviewers and maintainers do beyond plain HTML: charts, and keys of the viewer. */

import { drawCharts } from "./chart.js";
import { listenToKeys } from "./review_keys.js";

drawCharts(document);
listenToKeys(document);

// On a narrow screen the pages' names scroll sideways: begin where the reader is.
document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Somebody who waits for a job sees its end without doing anything.
const waiting = document.querySelector("[data-look-again]");
if (waiting) {
  setInterval(() => {
    if (!document.hidden) location.reload();
  }, Number(waiting.dataset.lookAgain) * 1000);
}
