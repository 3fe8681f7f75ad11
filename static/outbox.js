/**
 * Answers on their way to the server: sent in order, one at a time, retried until they arrive. One
 * that the server fails on lets the others pass: each is about another frame, so that their order
 * means nothing.
 *
 * Kept in memory: nothing is lost while the page stays open. Each carries an idempotency key, so
 * that one which arrived although its reply was lost is stored once.
 */

import { call, isWorthRetrying } from "./api.js";

const RETRY_AFTER_MS = [500, 1000, 2000, 4000, 8000];
/** After this many failures of the server, and as many again, an item goes behind the others. */
const FAILURES_TO_PASS = 3;

export class Outbox {
  #items = [];
  #isRunning = false;
  #wake = () => {};
  #changed;

  /** @param changed called whenever size or trouble may have changed. */
  constructor(changed) {
    this.#changed = changed;
    /** Why the first item is still here: null, "offline" or "signed_out". */
    this.trouble = null;
  }

  get size() {
    return this.#items.length;
  }

  /** How many of the waiting items are answers (a skip is none). */
  get answers() {
    return this.#items.filter((item) => item.isAnswer).length;
  }

  /**
   * Queue a POST.
   * @returns {object} the item; its `settled` promise gives {status, body} once the server has
   *   spoken, and `stalled` resolves when a try has failed.
   */
  add(path, body, { isAnswer }) {
    const item = { path, body, isAnswer, key: newKey(), attempts: 0, failures: 0 };
    item.settled = new Promise((resolve) => {
      item.resolve = resolve;
    });
    item.stalled = new Promise((resolve) => {
      item.stall = resolve;
    });
    this.#items.push(item);
    this.#changed();
    this.#run();
    return item;
  }

  /** Remove an item that was never tried; false when it has left (or may have left) this page. */
  takeBack(item) {
    const index = this.#items.indexOf(item);
    if (index < 0 || item.attempts > 0) return false;
    this.#items.splice(index, 1);
    this.#changed();
    return true;
  }

  /** Try at once instead of waiting out the pause: the connection is back. */
  retryNow() {
    this.#wake();
  }

  /** Resolve when nothing is waiting. */
  async emptied() {
    while (this.#items.length > 0) await this.#items[0].settled;
  }

  /** Send what is left while the page closes; the replies will find nobody. */
  sendAllLater() {
    for (const item of this.#items) post(item);
  }

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#items.length > 0) {
      const item = this.#next();
      item.attempts += 1;
      const reply = await post(item);
      if (reply.status >= 500) item.failures += 1;
      if (isWorthRetrying(reply.status)) {
        const isRefused = reply.status === 401 || reply.status === 403;
        this.trouble = isRefused ? "signed_out" : "offline";
        item.stall();
        this.#changed();
        await this.#pause(item.attempts);
      } else {
        this.trouble = null;
        this.#items.splice(this.#items.indexOf(item), 1);
        item.resolve(reply);
        this.#changed();
      }
    }
    this.#isRunning = false;
  }

  /** The first of those that the server has failed on least. */
  #next() {
    const rank = (item) => Math.floor(item.failures / FAILURES_TO_PASS);
    return this.#items.reduce((best, item) => (rank(item) < rank(best) ? item : best));
  }

  #pause(attempts) {
    const ms = RETRY_AFTER_MS[Math.min(attempts, RETRY_AFTER_MS.length) - 1];
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function post(item) {
  return call("POST", item.path, {
    body: item.body,
    headers: { "Idempotency-Key": item.key },
    keepalive: true,
  });
}

function newKey() {
  // crypto.randomUUID is missing on plain http, which laboratories use.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
