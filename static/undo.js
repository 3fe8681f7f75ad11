/** Taking back the last responses, newest first (R7). */

import { call, isWorthRetrying } from "./api.js";

const UNDO_DEPTH = 10;
const OLD_ANSWERS = { skip: "was_skipped", answer: "was_not_visible", point: "was_point" };

/** What can be undone, newest last: records {entry, item, kind: "answer" or "skip", point}. */
export class History {
  #records = [];

  get newest() {
    return this.#records.at(-1) ?? null;
  }

  add(record) {
    this.#records = [...this.#records, record].slice(-UNDO_DEPTH);
  }

  remove(record) {
    this.#records = this.#records.filter((other) => other !== record);
  }
}

export class Undo {
  #page;

  /** @param page {flow, view, queue, outbox, history, tally, t} */
  constructor(page) {
    this.#page = page;
  }

  /** Take the newest response back and show its frame again. */
  async undo() {
    const { flow, view, outbox, history, t } = this.#page;
    if (!["armed", "loading", "done"].includes(flow.phase)) return;
    const record = history.newest;
    if (record === null) {
      view.say(t("nothing_to_undo"));
      return;
    }
    if (outbox.takeBack(record.item)) {
      this.#reopen(record, null);
      return;
    }
    const before = flow.phase;
    flow.enter("undoing");
    const refusal = await this.#takeBack(record);
    if (refusal === null) return;
    view.say(refusal);
    if (before === "loading") flow.advance();
    else flow.enter(before);
  }

  /** Have the server take a response back; returns why not, or null when its frame is here again. */
  async #takeBack(record) {
    const { history, tally, t } = this.#page;
    await Promise.race([record.item.settled, record.item.stalled]);
    if (record.id === undefined) return t("undo_offline");
    const { status, body } = await call("POST", `/${record.kind}s/${record.id}/undo`);
    if (isWorthRetrying(status)) return t("undo_offline");
    if (status !== 200) {
      history.remove(record);
      return t(body.error === "lease_lost" ? "frame_taken" : "undo_expired");
    }
    if (record.kind === "answer") tally.given -= 1;
    this.#reopen(record, body.lease);
    return null;
  }

  #reopen(record, lease) {
    const { flow, view, queue, history, t } = this.#page;
    history.remove(record);
    if (flow.entry !== null) queue.putBack(flow.entry);
    flow.show(queue.reopen(record.entry, lease));
    if (record.point) view.showOldAnswer(record.point);
    view.say(t(OLD_ANSWERS[record.point ? "point" : record.kind]));
  }
}
