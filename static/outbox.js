/**
 * Responses on their way to the server: kept on the device, sent one at a time, retried until they
 * arrive, in this page or in the next one that the same person opens in this browser.
 *
 * Each carries an idempotency key, so that one which arrived although its reply was lost is stored
 * once. Order means nothing, since each is about another frame: one that the server fails on lets
 * the others pass.
 */

import { call, isWorthRetrying } from "./api.js";
import { openStore } from "./store.js";
import { holdPage, livePages, oneAtATime, whenGone } from "./tabs.js";

const RETRY_AFTER_MS = [500, 1000, 2000, 4000, 8000];
/** The server fails on one response again and again: it is tried this slowly in the end. */
const FAILED_RETRY_AFTER_MS = [...RETRY_AFTER_MS, 30_000, 60_000];
/** After this many failures of the server nobody waits for an item any more. */
const FAILURES_TO_PASS = 3;
/** A write that takes longer is not counted on. */
const WRITE_MS = 1000;

export class Outbox {
  #items = [];
  #owner;
  #page = newKey();
  #store = null;
  #letGo = () => {};
  #watched = new Set(); // other pages that stand open
  #isRunning = false;
  #connection = null; // why nothing gets through: "offline", "signed_out", "someone_else" or null
  #tries = 0; // in vain, since the connection was lost
  #quietUntil = 0;
  #wake = () => {};
  #changed;
  #adopted;
  #settled;

  /**
   * @param owner whose responses these are; other people's are neither sent nor seen.
   * @param listeners {changed(): size or trouble may have changed; adopted(item): a page that is no
   *   more has left it; settled(item, {status, body}): the server has accepted or refused it}
   */
  constructor(owner, { changed, adopted, settled }) {
    this.#owner = owner;
    this.#changed = changed;
    this.#adopted = adopted;
    this.#settled = settled;
  }

  /**
   * Open the store and begin to send what an earlier page left.
   * @returns {Promise<object[]>} the items that this browser keeps for the person, oldest first,
   *   those that the server has among them.
   */
  async open() {
    this.#letGo = await holdPage(this.#page);
    this.#store = await openStore(this.#owner);
    const unsent = await this.adopt();
    const all = (await this.#tried(() => this.#store.all())) ?? [];
    const sent = all.filter(({ isSent }) => isSent);
    return [...sent.map((record) => newItem(record, { isTried: true })), ...unsent].sort(byTime);
  }

  /** Whether the store is open: before, nobody knows what is still to be sent. */
  get isOpen() {
    return this.#store !== null;
  }

  /** Whether everything that waits here would outlive the page. */
  get isDurable() {
    return this.#store.isDurable && this.#items.every((item) => !item.isLostWithPage);
  }

  get size() {
    return this.#items.length;
  }

  /** How many of the waiting items are answers (a skip is none). */
  get answers() {
    return this.#items.filter(({ record }) => record.kind === "answer").length;
  }

  /** Why items are still here: null, "offline", "signed_out", "someone_else" or "failing". */
  get trouble() {
    return this.#connection ?? (this.#items.some((item) => item.failures > 0) ? "failing" : null);
  }

  /**
   * Keep a response and send it.
   * @param kind "answer" or "skip".
   * @returns {object} the item: {record, entry, kind, point, settled, stalled}. `settled` resolves
   *   once the server has accepted or refused it, `stalled` when a try has failed.
   */
  add(kind, entry, body) {
    const { frame, leaseId, expiresInS, clip, action, number, total } = entry;
    const frameId = frame.frame_id;
    const item = newItem({
      key: newKey(),
      owner: this.#owner,
      page: this.#page,
      kind,
      frameId,
      path: `/frames/${frameId}/${kind}s`,
      body,
      entry: { frame, leaseId, expiresInS, clip, action, number, total },
      givenAt: Date.now(),
      isSent: false,
    });
    item.entry = entry;
    this.#items.push(item);
    item.written = this.#keep(item);
    this.#changed();
    this.#go();
    return item;
  }

  /** Remove an item that was never tried; false when it has left (or may have left) this page. */
  takeBack(item) {
    const index = this.#items.indexOf(item);
    if (index < 0 || item.isTried) return false;
    this.#items.splice(index, 1);
    this.forget(item);
    this.#changed();
    return true;
  }

  /** Remove a settled item from the device: it will not be undone any more. */
  forget(item) {
    return this.#tried(() => this.#store.delete(item.record.key));
  }

  /** Try at once instead of waiting out the pause: the connection may be back. */
  async retryNow() {
    this.#quietUntil = 0;
    for (const item of this.#items) item.dueAt = 0;
    this.#go();
    await this.adopt();
  }

  /** Take over what pages that were closed have left. */
  async adopt() {
    const orphans = await this.#tried(() =>
      oneAtATime("adopt", async () => {
        const pages = await livePages();
        this.#watch(pages);
        return this.#store.adopt(this.#page, pages);
      }),
    );
    // Without Web Locks another tab may have taken over what is ours.
    const ours = new Set(this.#items.map(({ record }) => record.key));
    const items = (orphans ?? [])
      .filter(({ key }) => !ours.has(key))
      .map((record) => newItem(record, { isTried: true }));
    this.#items.push(...items);
    items.forEach(this.#adopted);
    this.#changed();
    this.#go();
    return items;
  }

  /** Resolve when nothing is waiting. */
  async emptied() {
    while (this.#items.length > 0) await this.#items[0].settled;
  }

  /** Resolve when the server has spoken on every item, or has failed on it several times. */
  async passed() {
    for (;;) {
      const item = this.#items.find(({ failures }) => failures < FAILURES_TO_PASS);
      if (!item) return;
      await Promise.race([item.settled, item.passed]);
    }
  }

  /** Send what is left while the page closes (the replies will find nobody), and leave the rest. */
  close() {
    for (const { record } of this.#items) post(record);
    this.#letGo();
  }

  /** Take over what the other pages leave as soon as they are gone. */
  #watch(pages) {
    for (const page of pages) {
      if (page === this.#page || this.#watched.has(page)) continue;
      this.#watched.add(page);
      whenGone(page).then(() => {
        this.#watched.delete(page);
        this.adopt();
      });
    }
  }

  #go() {
    this.#wake();
    this.#run();
  }

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#items.length > 0) {
      const item = this.#items.reduce((best, other) => (other.dueAt < best.dueAt ? other : best));
      const wait = Math.max(item.dueAt, this.#quietUntil) - performance.now();
      if (wait > 0) await this.#pause(wait);
      else await this.#send(item);
    }
    this.#isRunning = false;
  }

  async #send(item) {
    if (item.isAdopted && !(await this.#isStillWanted(item))) {
      this.#remove(item);
      item.resolve();
      this.#changed();
      return;
    }
    item.isTried = true;
    const reply = await post(item.record);
    if (isWorthRetrying(reply.status)) {
      await item.written; // before anything is called kept
      if (reply.status >= 500) this.#failed(item);
      else await this.#lost(reply.status);
      item.stall();
    } else {
      this.#connection = null;
      this.#tries = 0;
      this.#settle(item, reply);
    }
    this.#changed();
  }

  /** The server failed on this one: later, and the others first. */
  #failed(item) {
    this.#connection = null;
    item.failures += 1;
    item.dueAt = performance.now() + nth(FAILED_RETRY_AFTER_MS, item.failures);
    if (item.failures === FAILURES_TO_PASS) item.pass();
  }

  /** Nothing gets through: all wait. */
  async #lost(status) {
    this.#tries += 1;
    this.#quietUntil = performance.now() + nth(RETRY_AFTER_MS, this.#tries);
    if (status !== 401 && status !== 403) this.#connection = "offline";
    else this.#connection = (await isSomeoneElse()) ? "someone_else" : "signed_out";
  }

  #settle(item, reply) {
    this.#remove(item);
    const isAccepted = reply.status === 200 || reply.status === 201;
    if (isAccepted) {
      item.record.isSent = true;
      this.#tried(() => this.#store.put(item.record));
    } else {
      this.forget(item);
    }
    this.#settled(item, reply);
    item.resolve();
  }

  #remove(item) {
    this.#items.splice(this.#items.indexOf(item), 1);
  }

  /** Write an item to the device; resolves when that is done, has failed or takes too long. */
  #keep(item) {
    return new Promise((resolve) => {
      const end = (isLostWithPage) => {
        item.isLostWithPage = isLostWithPage;
        this.#changed();
        resolve();
      };
      const timer = setTimeout(() => end(true), WRITE_MS);
      this.#store
        .put(item.record)
        .then(() => end(false))
        .catch(() => end(true)) // the device is full, or its data were cleared
        .finally(() => clearTimeout(timer));
    });
  }

  /** Whether an earlier page's item still waits: another page may have seen to it since. */
  async #isStillWanted({ record }) {
    const found = await this.#tried(() => this.#store.get(record.key));
    if (found?.isSent) record.isSent = true;
    return found !== undefined && !record.isSent;
  }

  /** Do something with the store that may fail without harm: what is unsent is here as well. */
  async #tried(act) {
    try {
      return await act();
    } catch {
      return null;
    }
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function newItem(record, { isTried = false } = {}) {
  const { kind, body, entry } = record;
  const item = { record, kind, point: body.point ?? null, entry, isTried, isAdopted: isTried };
  Object.assign(item, { failures: 0, dueAt: 0, isLostWithPage: false });
  item.settled = new Promise((resolve) => (item.resolve = resolve));
  item.stalled = new Promise((resolve) => (item.stall = resolve));
  item.passed = new Promise((resolve) => (item.pass = resolve));
  if (record.isSent) item.resolve();
  return item;
}

function post({ path, body, key }) {
  return call("POST", path, { body, headers: { "Idempotency-Key": key }, keepalive: true });
}

/** Whether somebody else has signed in in this browser, rather than nobody. */
async function isSomeoneElse() {
  const { status } = await call("GET", "/me", { asWhoever: true });
  return status === 200;
}

function byTime(a, b) {
  return a.record.givenAt - b.record.givenAt;
}

function nth(times, n) {
  return times[Math.min(n, times.length) - 1];
}

function newKey() {
  // crypto.randomUUID is missing on plain http, which laboratories use.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
