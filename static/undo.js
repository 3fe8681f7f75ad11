/** Taking back the last responses, newest first (R7); also those given before a reload. */

import { call, isWorthRetrying } from "./api.js";

const UNDO_DEPTH = 10;
const UNDO_MS = 60_000;
const OLD_ANSWERS = { skip: "was_skipped", answer: "was_not_visible", point: "was_point" };

/** What can be undone: items of the outbox, newest last. */
export class History {
  #items = [];
  #outbox;

  constructor(outbox) {
    this.#outbox = outbox;
  }

  get newest() {
    return this.#items.at(-1) ?? null;
  }

  has(item) {
    return this.#items.includes(item);
  }

  add(item) {
    this.#items.push(item);
    while (this.#items.length > UNDO_DEPTH) this.remove(this.#items[0]);
  }

  /** Take an item out; one that the server has need not be kept on the device any longer. */
  remove(item) {
    this.#items = this.#items.filter((other) => other !== item);
    if (item.record.isSent) this.#outbox.forget(item);
  }

  /** Take up what an earlier page has left, given oldest first. */
  restore(items) {
    for (const item of items) {
      this.add(item);
      if (Date.now() - item.record.givenAt > UNDO_MS) this.remove(item);
    }
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
    if (!["armed", "loading", "done", "paused"].includes(flow.phase)) return;
    const item = history.newest;
    if (item === null) {
      view.say(t("nothing_to_undo"));
      return;
    }
    const before = flow.phase;
    flow.enter("undoing");
    if (outbox.takeBack(item)) {
      await this.#reopen(item, null);
      return;
    }
    const refusal = await this.#takeBack(item);
    if (refusal === null) return;
    view.say(t(refusal));
    if (before === "loading") flow.advance();
    else flow.enter(before);
  }

  /** Have the server take a response back; returns why not, or null when its frame is here again. */
  async #takeBack(item) {
    const { queue, history, tally } = this.#page;
    await Promise.race([item.settled, item.stalled]);
    if (!history.has(item)) return "frame_taken"; // the server has refused it just now
    if (!item.record.isSent) return "undo_offline";
    const { status, body } = await call("POST", `/frames/${item.record.frameId}/undo`);
    if (isWorthRetrying(status)) {
      item.isUndoUncertain = true;
      return "undo_offline";
    }
    if (status !== 200) {
      history.remove(item);
      if (body.error === "lease_lost") return "frame_taken";
      if (!item.isUndoUncertain) return "undo_expired";
      queue.refused(item.entry); // it was taken back by the call whose reply was lost
      return "undone_before";
    }
    if (item.kind === "answer") tally.given -= 1;
    await this.#reopen(item, body.lease);
    return null;
  }

  async #reopen(item, lease) {
    const { flow, view, queue, history, tally, t } = this.#page;
    history.remove(item);
    tally.tookBack();
    const entry = await queue.reopen(item.entry, lease);
    if (flow.entry !== null) queue.putBack(flow.entry);
    flow.show(entry);
    if (item.point) view.showOldAnswer(item.point);
    view.say(t(OLD_ANSWERS[item.point ? "point" : item.kind]));
  }
}
