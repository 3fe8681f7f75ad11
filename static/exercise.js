/**
 * A frame that can be answered once, by mouse, finger or keys, and then shows how the answer was:
 * what the introduction's practice and the qualification share.
 */

import { ARROW_KEYS, fitFrame, pointAt, stepped } from "./coordinates.js";
import { drawAnswer } from "./marks.js";
import { FramePointer } from "./pointer.js";

const CENTRE = { x: 0.5, y: 0.5 };

export class Exercise {
  #parts;
  #answered;
  #isArmed = false;
  #source = null; // {width, height} of the frame that is shown
  #crosshair = null; // a point, while the keyboard is in use
  #drawn = null; // the answer that is drawn over the frame
  #pointer;

  /**
   * @param parts {room, isScrolled, frame, picture, notVisible}: the element that the frame fills
   *   (only its width where the page scrolls), the frame with [data-crosshair] and [data-marks] in
   *   it, the place of the picture, the button.
   * @param answered called with a point, or null for "not visible", once for each frame.
   */
  constructor(parts, answered) {
    this.#parts = parts;
    this.#answered = answered;
    this.#pointer = new FramePointer(parts.frame, {
      isArmed: () => this.#isArmed,
      pointAt: (event) => pointAt(event, parts.frame.getBoundingClientRect()),
      pressed: (point) => this.#showCrosshair(point),
      hovered: () => this.#showCrosshair(null),
      released: (point) => this.#answer(point),
      cancelled: () => this.#showCrosshair(null),
    });
    parts.notVisible.addEventListener("click", (event) => {
      if (event.detail <= 1) this.#answer(null); // not the rest of a double click
    });
    document.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#fit()).observe(parts.room);
  }

  /**
   * Show a frame and wait for its answer.
   * @param picture an image or drawing that is ready to be painted.
   * @param source {width, height} of it, in any unit.
   */
  show(picture, source) {
    this.#source = source;
    this.#drawn = null;
    this.#parts.picture.replaceChildren(picture);
    this.#showCrosshair(null);
    this.#fit();
    // A press begun on the frame before must not answer this one.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#arm(true)));
  }

  /** Show how the answer was: see marks.js. */
  showFeedback(answer) {
    this.#drawn = answer;
    this.#fit();
  }

  /** Let the same frame be answered again: the answer did not arrive. */
  rearm() {
    this.#drawn = null;
    this.#fit();
    this.#arm(true);
  }

  #arm(isArmed) {
    this.#isArmed = isArmed;
    this.#parts.frame.dataset.armed = isArmed;
    this.#parts.notVisible.disabled = !isArmed;
  }

  #answer(point) {
    if (!this.#isArmed) return;
    this.#arm(false);
    this.#pointer.cancel();
    this.#showCrosshair(null);
    this.#drawn = { clicked: point, known: null, tolerance: 0, isRight: true };
    this.#fit();
    this.#answered(point);
  }

  #key(event) {
    const isOnButton = event.target instanceof HTMLButtonElement;
    if (event.repeat && isOnButton && event.key === "Enter") event.preventDefault();
    if (!this.#isArmed || event.ctrlKey || event.metaKey) return;
    if (ARROW_KEYS.includes(event.key)) this.#step(event);
    else if (event.key === "Escape") this.#pointer.cancel();
    else if (event.repeat || event.altKey) return;
    else if (event.key.toLowerCase() === "n") this.#answer(null);
    else if (event.key === "Enter" && !isOnButton && !(event.target instanceof HTMLAnchorElement)) {
      event.preventDefault();
      if (this.#crosshair === null) this.#showCrosshair(CENTRE);
      else this.#answer(this.#crosshair);
    }
  }

  #step(event) {
    event.preventDefault();
    const { frame } = this.#parts;
    frame.focus({ preventScroll: true });
    const size = event.altKey ? "pixel" : event.shiftKey ? "large" : "small";
    const from = this.#crosshair ?? CENTRE;
    this.#showCrosshair(stepped(from, event.key, size, frame.getBoundingClientRect()));
  }

  #showCrosshair(point) {
    this.#crosshair = point;
    const element = this.#parts.frame.querySelector("[data-crosshair]");
    element.hidden = point === null;
    if (point === null) return;
    element.style.setProperty("--x", `${point.x * 100}%`);
    element.style.setProperty("--y", `${point.y * 100}%`);
  }

  #fit() {
    if (this.#source === null) return;
    const { room, isScrolled, frame } = this.#parts;
    const style = getComputedStyle(room);
    const across = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    const down = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    const height = isScrolled ? Infinity : room.clientHeight - down;
    const size = fitFrame({ width: room.clientWidth - across, height }, this.#source);
    frame.style.width = `${size.width}px`;
    frame.style.height = `${size.height}px`;
    const marks = frame.querySelector("[data-marks]");
    if (this.#drawn === null) marks.replaceChildren();
    else drawAnswer(marks, size, this.#drawn);
  }
}
