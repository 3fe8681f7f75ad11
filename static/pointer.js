/**
 * A press on the frame: it begins with a button or finger going down, may slide, and ends as an
 * answer where it is released; beside the frame, by Escape or by a second finger it is called off.
 */

export class FramePointer {
  #page;
  #press = null; // {begunAt, pointerId}

  /**
   * @param frame the element that is pressed.
   * @param page {isArmed(), pointAt(event), pressed(point, event), hovered(), released(point, how),
   *   cancelled()}; a point is null beside the frame.
   */
  constructor(frame, page) {
    this.#page = page;
    frame.addEventListener("pointerdown", (event) => this.#down(frame, event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    frame.addEventListener("pointerup", (event) => this.#up(event));
    frame.addEventListener("pointercancel", () => this.cancel());
  }

  /** Call the press off, if there is one. */
  cancel() {
    if (this.#press === null) return;
    this.#press = null;
    this.#page.cancelled();
  }

  #down(frame, event) {
    if (!event.isPrimary) this.cancel(); // a second finger: pinching, not pointing
    if (!event.isPrimary || event.button !== 0 || !this.#page.isArmed()) return;
    this.#press = { begunAt: event.timeStamp, pointerId: event.pointerId };
    frame.setPointerCapture(event.pointerId);
    this.#page.pressed(this.#page.pointAt(event), event);
  }

  #move(event) {
    if (this.#press === null) this.#page.hovered();
    else if (this.#press.pointerId === event.pointerId) {
      this.#page.pressed(this.#page.pointAt(event), event);
    }
  }

  #up(event) {
    if (this.#press?.pointerId !== event.pointerId) return;
    const { begunAt } = this.#press;
    const point = this.#page.pointAt(event);
    if (point === null) {
      this.cancel();
      return;
    }
    this.#press = null;
    this.#page.pressed(null, event);
    this.#page.released(point, { begunAt, pointer: event.pointerType || "mouse" });
  }
}
