/**
 * Which pages of ours stand open in this browser, by Web Locks: each page holds a lock in its name
 * as long as it lives, and the browser takes it away when the page is closed or crashes.
 *
 * Where there are no Web Locks (plain http beyond this machine), or none are granted (storage is
 * switched off), no other page is known of.
 */

const PREFIX = "page ";

/** Hold a page's lock; resolves, once it is held, with a function that lets go of it. */
export function holdPage(page) {
  return new Promise((held) => {
    const holding = new Promise((letGo) => {
      const hold = () => (held(letGo), holding);
      if (!navigator.locks) held(letGo);
      else navigator.locks.request(PREFIX + page, hold).catch(() => held(letGo));
    });
  });
}

/** @returns {Promise<Set<string>>} the ids of the pages that stand open. */
export async function livePages() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const names = held.map(({ name }) => name).filter((name) => name.startsWith(PREFIX));
  return new Set(names.map((name) => name.slice(PREFIX.length)));
}

/** Resolve when another page that stands open is closed, or has crashed. */
export function whenGone(page) {
  return navigator.locks.request(PREFIX + page, { mode: "shared" }, () => {});
}

/** Run `act` while no other page runs its own under the same name. */
export function oneAtATime(name, act) {
  return navigator.locks ? navigator.locks.request(name, act) : act();
}
