/** Coming and going: leases stay alive while somebody is at work, and nothing is left behind. */

const HEARTBEAT_MS = 5_000;
const ADOPT_MS = 30_000;
/** Leases of somebody who has gone are left to lapse. */
const AWAY_MS = 5 * 60_000;

/** @param page {queue, outbox} */
export function watchPresence({ queue, outbox }) {
  let lastInputAt = performance.now();
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => (lastInputAt = performance.now()), { capture: true });
  }
  setInterval(() => {
    if (performance.now() - lastInputAt < AWAY_MS) queue.renew();
  }, HEARTBEAT_MS);

  // A tab that was closed beside this one may have left something.
  setInterval(() => outbox.adopt(), ADOPT_MS);

  addEventListener("online", () => outbox.retryNow());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") outbox.retryNow();
  });
  addEventListener("beforeunload", (event) => {
    if (outbox.size > 0 && !outbox.isDurable) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    outbox.close();
    queue.release();
  });
  addEventListener("pageshow", async (event) => {
    if (!event.persisted) return;
    // Back from the browser's cache: the leases were given back when the page was left.
    if (!outbox.isDurable) {
      outbox.retryNow();
      await outbox.emptied();
    }
    location.reload();
  });
}
