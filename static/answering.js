/** Answers and skips: from a press or a key to an item of the outbox and the next frame. */

import { heldBack } from "./arming.js";
import { placeOf } from "./coordinates.js";

const MARK_MS = 80;

export class Answering {
  #page;
  #contributors = [];
  #last = null; // {answeredAt, place?} of the answer before, for the arming rule
  #late = 0; // responses refused since the last one was given: told of in one line

  /** @param page {flow, view, queue, outbox, history, tally, t} */
  constructor(page) {
    this.#page = page;
  }

  /**
   * Let a part of the page add to the details of every answer.
   * @param contributor (entry) => object, such as {zoom: 2}; asked at the moment of the answer.
   */
  addDetails(contributor) {
    this.#contributors.push(contributor);
  }

  /**
   * Answer the frame, if the arming rule lets the press count.
   * @param point null: not visible.
   * @param how {begunAt, pointer, byHintKey?}: when the button or key went down, in ms of
   *   performance.now(), and with what.
   */
  answer(point, how) {
    const { flow, view, outbox, t } = this.#page;
    if (!flow.isAnswerable) return;
    const place = point && placeOf(point, view.rect());
    const reason = heldBack({ begunAt: how.begunAt, place }, flow.paintedAt, this.#last);
    if (reason !== null) {
      if (reason !== "early") view.say(t(reason));
      return;
    }
    this.#last = { answeredAt: how.begunAt, place };
    const { entry } = flow;
    const details = this.#details(entry, how);
    this.#respond(outbox.add("answer", entry, { point, details }), details.ms_taken);
  }

  skip(reason, comment) {
    const { flow, outbox } = this.#page;
    if (!flow.isArmed) return;
    this.#respond(outbox.add("skip", flow.entry, comment ? { reason, comment } : { reason }), null);
  }

  /** Act on what the server has said of a response, this page's or an earlier one's. */
  settled(item, { status, body }) {
    const { view, queue, outbox, history, tally, t } = this.#page;
    if (status === 200 || status === 201) {
      tally.given = body.answers_given ?? tally.given;
      if (!history.has(item)) outbox.forget(item);
      return;
    }
    history.remove(item);
    queue.refused(item.entry);
    this.#late += 1;
    view.say(status === 409 ? t("late", { n: this.#late }) : t("not_accepted", { status }));
  }

  #details(entry, { begunAt, pointer, byHintKey }) {
    const { flow, view } = this.#page;
    const size = view.frame.getBoundingClientRect(); // the picture's own, before any zoom
    const details = {
      ms_since_paint: Math.round(begunAt - flow.paintedAt),
      ms_taken: Math.round(performance.now() - flow.paintedAt),
      pointer,
      display_width: Math.round(size.width),
      display_height: Math.round(size.height),
      device_pixel_ratio: window.devicePixelRatio,
    };
    if (entry.frame.hint) details.hint_taken_by_key = Boolean(byHintKey);
    return Object.assign(details, ...this.#contributors.map((contribute) => contribute(entry)));
  }

  /** What every response does: mark it, remember it for undo, bring the next frame. */
  #respond(item, msTaken) {
    const { flow, view, queue, history, tally, t } = this.#page;
    this.#late = 0;
    flow.enter("answered");
    view.showAnswer(item.point);
    queue.responded(item.entry);
    history.add(item);
    if (tally.responded(msTaken)) view.say(t("batch_done", { n: tally.batch.size }));
    setTimeout(() => {
      if (flow.phase === "answered") flow.advance();
    }, MARK_MS);
  }
}
