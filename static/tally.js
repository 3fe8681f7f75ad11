/**
 * What the person has done: the answers that the server has, the batch that they are in, their pace,
 * and how long they have worked without a break. Batch and pace outlive a reload, not the tab.
 */

import { call } from "./api.js";

/** A batch is a stretch of work whose end is in sight, not more: nothing is asked at its end. */
const BATCH = 30;
const PACE_OF = 30; // the newest times
const PACE_FROM = 5; // fewer say nothing
/** Who does nothing for so long has paused. */
const PAUSE_MS = 60_000;
const BREAK_AFTER_MS = 20 * 60_000;
/** A break is spoken of for so long, unless one is taken. */
const BREAK_SAID_MS = 2 * 60_000;
const FRESH = { batch: 0, times: [], workedMs: 0, lastAt: null, breakSince: null };

export class Tally {
  #given = 0;
  #visit = null;
  #state;
  #place;
  #now;
  #changed;

  /**
   * @param owner under whose name the session's figures are kept.
   * @param changed called whenever a figure has changed.
   * @param now gives the time in ms.
   */
  constructor(owner, changed, now = Date.now) {
    this.#place = `tally ${owner}`;
    this.#changed = changed;
    this.#now = now;
    this.#state = { ...FRESH, ...read(this.#place) };
  }

  /** How many answers of the person the server has. */
  get given() {
    return this.#given;
  }

  set given(n) {
    if (this.#visit) this.#visit.given += n - this.#given;
    this.#given = n;
    this.#changed();
  }

  /** {size, done, minutesLeft}: of this batch, or of what a panel asks for; minutesLeft may be null. */
  get batch() {
    const { batch } = this.#state;
    const size = this.#visit?.wanted ?? BATCH;
    const done = Math.min(size, this.#visit ? this.#visit.given : batch);
    const pace = this.medianMs;
    return { size, done, minutesLeft: pace && Math.ceil(((size - done) * pace) / 60_000) };
  }

  /** Half of the newest answers took less than this; null while there are few. */
  get medianMs() {
    const sorted = [...this.#state.times].sort((a, b) => a - b);
    if (sorted.length < PACE_FROM) return null;
    const [low, high] = [Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2)];
    return (sorted[low] + sorted[high]) / 2;
  }

  /** Where a crowd panel's person goes once they have given what was asked for; null before. */
  get finishUrl() {
    const isEnough = this.#visit !== null && this.#visit.given >= this.#visit.wanted;
    return isEnough ? this.#visit.finish_url : null;
  }

  /** The same where no frame is left for them: nobody waits for frames that do not come. */
  get finishEarlyUrl() {
    return this.#visit?.finish_url ?? null;
  }

  /** Whether the person has worked for long enough that a break would do them good. */
  get isBreakDue() {
    const { breakSince } = this.#state;
    return breakSince !== null && this.#now() - breakSince < BREAK_SAID_MS;
  }

  /**
   * Count a response.
   * @param msTaken of an answer; null for a skip.
   * @returns {boolean} whether a batch is full with it.
   */
  responded(msTaken) {
    const { batch, times, workedMs, lastAt, breakSince } = this.#state;
    const now = this.#now();
    const sinceLast = lastAt === null ? 0 : now - lastAt;
    const hasPaused = sinceLast > PAUSE_MS || (breakSince !== null && !this.isBreakDue);
    const worked = hasPaused ? 0 : workedMs + sinceLast;
    const isFull = batch + 1 >= BATCH;
    this.#keep({
      batch: isFull ? 0 : batch + 1,
      times: msTaken === null ? times : [...times, msTaken].slice(-PACE_OF),
      workedMs: worked,
      lastAt: now,
      breakSince: hasPaused ? null : (breakSince ?? (worked >= BREAK_AFTER_MS ? now : null)),
    });
    return isFull && this.#visit === null;
  }

  /** Count a response less: it was taken back. */
  tookBack() {
    this.#keep({ ...this.#state, batch: Math.max(0, this.#state.batch - 1) });
  }

  /** Ask the server how many there are from earlier visits, and whether a panel has sent them. */
  async load() {
    const { status, body } = await call("GET", "/me");
    if (status !== 200) return;
    this.#given = Math.max(this.#given, body.answers_given);
    this.#visit = body.visit;
    this.#changed();
  }

  #keep(state) {
    this.#state = state;
    try {
      sessionStorage.setItem(this.#place, JSON.stringify(state));
    } catch {
      // Storage is switched off: a reload begins a new batch.
    }
    this.#changed();
  }
}

function read(place) {
  try {
    return JSON.parse(sessionStorage.getItem(place)) ?? {};
  } catch {
    return {};
  }
}
