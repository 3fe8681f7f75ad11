/* Arrow keys go through the frames of a clip: they follow the page's links "previous" and "next". */

const LINKS = { ArrowLeft: "a[rel=prev]", ArrowRight: "a[rel=next]" };

/** Follow the links of a frame's page by the arrow keys, but not while somebody types or chooses. */
export function listenToKeys(page) {
  const viewer = page.querySelector("[data-viewer]");
  if (!viewer) return;
  page.querySelector("[aria-current=page].thumb")?.scrollIntoView({
    block: "nearest",
    inline: "center",
  });
  page.addEventListener("keydown", (event) => {
    const selector = LINKS[event.key];
    const isTaken = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    const isField = event.target.closest("input:not([type=checkbox]), select, textarea, .scroll");
    if (!selector || isTaken || isField) return;
    const link = viewer.querySelector(selector);
    if (!link) return;
    event.preventDefault();
    link.click();
  });
}
