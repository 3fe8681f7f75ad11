/** Answers and skips: from a press or a key to an item of the outbox and the next frame. */

import { heldBack } from "./arming.js";
import { placeOf } from "./coordinates.js";

const MARK_MS = 80;

export class Answering {
  #page;
  #contributors = [];
  #last = null; // {answeredAt, place?} of the answer before, for the arming rule

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
    const item = outbox.add(
      `/frames/${entry.frame.frame_id}/answers`,
      { point, details: this.#details(entry, how) },
      { isAnswer: true },
    );
    this.#respond({ entry, item, kind: "answer", point });
  }

  skip(reason, comment) {
    const { flow, outbox } = this.#page;
    if (!flow.isArmed) return;
    const { entry } = flow;
    const body = comment ? { reason, comment } : { reason };
    const item = outbox.add(`/frames/${entry.frame.frame_id}/skips`, body, { isAnswer: false });
    this.#respond({ entry, item, kind: "skip", point: null });
  }

  #details(entry, { begunAt, pointer, byHintKey }) {
    const { flow, view } = this.#page;
    const rect = view.rect();
    const details = {
      ms_since_paint: Math.round(begunAt - flow.paintedAt),
      ms_taken: Math.round(performance.now() - flow.paintedAt),
      pointer,
      display_width: Math.round(rect.width),
      display_height: Math.round(rect.height),
      device_pixel_ratio: window.devicePixelRatio,
    };
    if (entry.frame.hint) details.hint_taken_by_key = Boolean(byHintKey);
    return Object.assign(details, ...this.#contributors.map((contribute) => contribute(entry)));
  }

  /** What every response does: mark it, remember it for undo, bring the next frame. */
  #respond(record) {
    const { flow, view, queue, history } = this.#page;
    flow.enter("answered");
    view.showAnswer(record.point);
    queue.responded(record.entry);
    history.add(record);
    record.item.settled.then((reply) => this.#settled(record, reply));
    setTimeout(() => {
      if (flow.phase === "answered") flow.advance();
    }, MARK_MS);
  }

  #settled(record, { status, body }) {
    const { view, queue, history, tally, t } = this.#page;
    if (status === 200 || status === 201) {
      record.id = body.answer_id ?? body.skip_id;
      tally.given = body.answers_given ?? tally.given;
    } else {
      history.remove(record);
      queue.refused(record.entry);
      view.say(status === 409 ? t("frame_taken") : t("not_accepted", { status }));
    }
  }
}
