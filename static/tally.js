/** What the person has done: how many of their answers the server has. */

import { call } from "./api.js";

export class Tally {
  #given = 0;
  #changed;

  /** @param changed called whenever a figure has changed. */
  constructor(changed) {
    this.#changed = changed;
  }

  get given() {
    return this.#given;
  }

  set given(n) {
    this.#given = n;
    this.#changed();
  }

  /** Ask the server how many there are from earlier visits. */
  async load() {
    const { status, body } = await call("GET", "/me");
    if (status === 200) this.given = Math.max(this.given, body.answers_given);
  }
}
