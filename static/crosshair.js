/**
 * Answering by keyboard: arrows move a cross-hair over the frame, digits jump as on a number pad
 * into a third of a third of a third, Enter answers there.
 */

import { ARROW_KEYS, middleOf, ninth, stepped, WHOLE } from "./coordinates.js";

const CENTRE = { x: 0.5, y: 0.5 };

export class Crosshair {
  #page;
  #point = null; // while the keyboard is in use
  #area = WHOLE; // what the digits have come to

  /** @param page {flow, view, zoom, answering, keys, t} */
  constructor(page) {
    this.#page = page;
    const { flow, keys } = page;
    for (const key of ARROW_KEYS) {
      keys.bind(key, (event) => this.#step(event), { repeats: true, alt: true });
    }
    for (let digit = 1; digit <= 9; digit += 1) keys.bind(String(digit), () => this.#jump(digit));
    keys.bind("0", () => this.#search(WHOLE));
    keys.bind("Enter", (event) => this.#answer(event));
    flow.on("shown", () => {
      this.#search(WHOLE);
      this.show();
    });
    flow.on("phase", (phase) => {
      if (phase === "answered") this.#page.view.showCrosshair(null);
    });
  }

  /** Where it is, null while the keyboard is not in use. */
  get point() {
    return this.#point;
  }

  /** Draw it again, where something else was drawn in its place. */
  show() {
    this.#page.view.showCrosshair(this.#point);
  }

  /** Put it away: a pointer is in use. */
  hide() {
    if (this.#point === null) return;
    this.#point = null;
    this.#search(WHOLE);
    this.show();
  }

  #step(event) {
    const { flow, view, zoom } = this.#page;
    if (!flow.isAnswerable) return;
    const size = event.altKey ? "pixel" : event.shiftKey ? "large" : "small";
    const from = this.#point ?? CENTRE;
    this.#search(WHOLE);
    this.#moveTo(stepped(from, event.key, size, view.rect(), zoom.scale));
  }

  #jump(digit) {
    if (!this.#page.flow.isAnswerable) return;
    // Smaller than this nothing is left to tell apart: begin again with the whole frame.
    const area = this.#area.size < 0.01 ? WHOLE : this.#area;
    this.#search(ninth(area, digit));
    this.#moveTo(middleOf(this.#area));
  }

  #search(area) {
    this.#area = area;
    this.#page.view.showArea(area === WHOLE ? null : area);
  }

  #moveTo(point) {
    const { view, zoom } = this.#page;
    // A button clicked before keeps the focus, and would take the Enter meant for the cross-hair.
    view.frame.focus({ preventScroll: true });
    this.#point = point;
    zoom.follow(point);
    this.show();
  }

  #answer(event) {
    const { flow, view, answering, t } = this.#page;
    if (!flow.isAnswerable) return;
    if (this.#point === null) {
      this.#point = CENTRE;
      this.show();
      view.say(t("crosshair_first"));
      return;
    }
    answering.answer(this.#point, { begunAt: event.timeStamp, pointer: "keyboard" });
  }
}
