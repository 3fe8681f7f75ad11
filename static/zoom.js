/**
 * Zoom and pan: a look at a part of the picture; points stay exact, and the next frame is whole again.
 *
 * Every way has another: Z, buttons, Ctrl and wheel, pinching; to move the picture two fingers, the
 * middle button, the cross-hair's keys, or the moving mode, in which a drag moves and a click brings
 * a place to the middle.
 */

import { distancePx, followed, movedBy, pointAt, zoomedAt } from "./coordinates.js";

const WHOLE_PICTURE = { scale: 1, x: 0.5, y: 0.5 };
/** Z goes through these. */
const STOPS = [1, 2, 4];
const WHEEL_ZOOM = 1.002; // times, per pixel of the wheel
const MIDDLE_BUTTON = 1;
const DRAG_PX = 4;

const byId = (id) => document.getElementById(id);

export class Zoom {
  #page;
  #look = WHOLE_PICTURE;
  #isMoving = false;
  #hovered = null; // the place of the pointer over the frame
  #touches = new Map(); // pointer id -> place, of fingers that are down
  #drag = null; // {from, at, pointerId} in moving mode

  /** @param page {flow, view, keys, answering, crosshairAt() => point or null, t} */
  constructor(page) {
    this.#page = page;
    const { flow, view, keys, answering } = page;
    flow.on("shown", () => this.#reset());
    answering.addDetails(() => ({ zoom: Math.round(this.scale * 1000) / 1000 }));
    keys.bind("z", () => this.#step());
    keys.bind("+", () => this.#to(this.scale * 2), { repeats: true });
    keys.bind("-", () => this.#to(this.scale / 2), { repeats: true });
    keys.bind("m", () => this.#setMoving(!this.#isMoving));
    byId("zoom-in").addEventListener("click", () => this.#to(this.scale * 2));
    byId("zoom-out").addEventListener("click", () => this.#to(this.scale / 2));
    byId("move").addEventListener("click", () => this.#setMoving(!this.#isMoving));
    view.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    const { frame } = view;
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      frame.addEventListener(name, (event) => this.#up(event));
    }
    frame.addEventListener("pointerleave", () => {
      this.#hovered = null;
    });
    this.#show();
  }

  /** How many times the picture is magnified. */
  get scale() {
    return this.#look.scale;
  }

  /** Whether a press moves the picture and answers nothing. */
  get isMoving() {
    return this.#isMoving;
  }

  /** Bring a point into view. */
  follow(point) {
    if (this.scale > 1) this.#set(followed(this.#look, point));
  }

  #reset() {
    this.#touches.clear();
    this.#drag = null;
    this.#isMoving = false;
    this.#look = WHOLE_PICTURE;
    this.#show();
  }

  #step() {
    const next = STOPS.find((stop) => stop > this.scale + 0.01) ?? STOPS[0];
    this.#to(next);
  }

  /** Zoom to a scale round where the person is: the pointer, else the cross-hair, else the middle. */
  #to(scale) {
    const { flow, view, crosshairAt } = this.#page;
    if (!flow.isAnswerable) return;
    const pointed = this.#hovered && view.pointAt(this.#hovered);
    this.#set(zoomedAt(this.#look, scale, crosshairAt() ?? pointed ?? this.#look));
  }

  #set(look) {
    this.#look = look;
    if (this.scale === 1) this.#isMoving = false;
    this.#show();
  }

  #setMoving(isMoving) {
    if (this.scale === 1 || !this.#page.flow.isAnswerable) return;
    this.#isMoving = isMoving;
    this.#show();
    if (isMoving) this.#page.view.say(this.#page.t("moving"));
  }

  #show() {
    const { view, t } = this.#page;
    view.showLook(this.#look);
    view.frame.classList.toggle("moving", this.#isMoving);
    byId("zoom-in").disabled = this.scale >= 8;
    byId("zoom-out").disabled = this.scale === 1;
    byId("move").disabled = this.scale === 1;
    byId("move").setAttribute("aria-pressed", String(this.#isMoving));
    const times = new Intl.NumberFormat(document.documentElement.lang, {
      maximumFractionDigits: 1,
    }).format(this.scale);
    byId("zoomed").hidden = this.scale === 1;
    byId("zoomed").textContent = this.scale === 1 ? "" : t("zoomed", { times });
  }

  #wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault(); // the browser would magnify the whole page
    const { flow, view } = this.#page;
    const point = flow.isAnswerable ? view.pointAt(event) : null;
    if (point) this.#set(zoomedAt(this.#look, this.scale * WHEEL_ZOOM ** -event.deltaY, point));
  }

  #down(event) {
    if (!this.#page.flow.isAnswerable) return;
    if (event.pointerType === "touch") this.#touches.set(event.pointerId, placeOf(event));
    const isDrag = event.button === MIDDLE_BUTTON || (this.#isMoving && event.isPrimary);
    if (!isDrag || this.scale === 1) return;
    event.preventDefault(); // the middle button scrolls
    this.#page.view.frame.setPointerCapture(event.pointerId);
    const place = placeOf(event);
    this.#drag = { from: place, at: place, pointerId: event.pointerId };
  }

  #move(event) {
    this.#hovered = placeOf(event);
    if (this.#touches.has(event.pointerId)) this.#pinch(event);
    if (this.#drag?.pointerId !== event.pointerId || this.#touches.size > 1) return;
    this.#moveBy(this.#drag.at, placeOf(event));
    this.#drag.at = placeOf(event);
  }

  #up(event) {
    this.#touches.delete(event.pointerId);
    if (event.pointerType === "touch") this.#hovered = null;
    if (this.#drag?.pointerId !== event.pointerId) return;
    const { from, at } = this.#drag;
    this.#drag = null;
    const isClick = event.type === "pointerup" && distancePx(from, at) < DRAG_PX;
    const point = isClick ? this.#page.view.pointAt(event) : null;
    if (point && this.#isMoving) this.#set(followedTo(this.#look, point));
  }

  /** Two fingers: their middle keeps its point, their distance is the magnification. */
  #pinch(event) {
    const before = [...this.#touches.values()];
    this.#touches.set(event.pointerId, placeOf(event));
    const after = [...this.#touches.values()];
    if (after.length !== 2) return;
    const growth = distancePx(...after) / Math.max(1, distancePx(...before));
    const point = pointAt(middle(before), this.#page.view.rect());
    if (point) this.#look = zoomedAt(this.#look, this.scale * growth, point);
    this.#moveBy(middle(before), middle(after));
  }

  #moveBy(from, to) {
    const { width, height } = this.#page.view.frame.getBoundingClientRect();
    const dx = (to.clientX - from.clientX) / width;
    this.#set(movedBy(this.#look, dx, (to.clientY - from.clientY) / height));
  }
}

/** The look with a point in its middle. */
function followedTo(look, point) {
  return movedBy(look, (look.x - point.x) * look.scale, (look.y - point.y) * look.scale);
}

function placeOf({ clientX, clientY }) {
  return { clientX, clientY };
}

function middle([a, b]) {
  return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
}
