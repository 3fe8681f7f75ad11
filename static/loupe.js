/** The loupe: while a press is held, the picture round it three times as large, beside the finger. */

const SIZE_PX = 112;
const MAGNIFICATION = 3;
/** A short click needs none. */
const DELAY_MS = 120;
/** From a finger to the loupe's near edge: a finger hides what is round its tip. */
const FINGER_PX = 60;
const MOUSE_PX = 28;
const EDGE_PX = 4;

export class Loupe {
  #canvas = document.getElementById("loupe");
  #view;
  #beganAt = null;
  #timer = null;

  constructor(view) {
    this.#view = view;
  }

  /** Follow a press that is at a point of the picture; null: there is none, or it is beside. */
  follow(point, event) {
    clearTimeout(this.#timer);
    if (point === null) {
      this.#beganAt = null;
      this.#canvas.hidden = true;
      return;
    }
    this.#beganAt ??= event.timeStamp;
    const wait = this.#beganAt + DELAY_MS - performance.now();
    const place = { x: event.clientX, y: event.clientY };
    const gap = event.pointerType === "touch" ? FINGER_PX : MOUSE_PX;
    if (wait > 0) this.#timer = setTimeout(() => this.#show(point, place, gap), wait);
    else this.#show(point, place, gap);
  }

  #show(point, place, gap) {
    const { left, top } = loupeCorner(place, gap, { width: innerWidth, height: innerHeight });
    this.#canvas.style.setProperty("--left", `${left}px`);
    this.#canvas.style.setProperty("--top", `${top}px`);
    this.#canvas.hidden = false;
    this.#draw(point);
  }

  #draw(point) {
    const { picture } = this.#view;
    const side = Math.round(SIZE_PX * devicePixelRatio);
    this.#canvas.width = this.#canvas.height = side;
    const brush = this.#canvas.getContext("2d");
    const seen = SIZE_PX / MAGNIFICATION; // CSS pixels of the page that it covers
    const perPx = picture.naturalWidth / this.#view.rect().width;
    const width = seen * perPx;
    const x = point.x * picture.naturalWidth - width / 2;
    const y = point.y * picture.naturalHeight - width / 2;
    brush.drawImage(picture, x, y, width, width, 0, 0, side, side);
    drawCross(brush, side);
  }
}

/** Black under white: one of them shows on any colour. */
function drawCross(brush, side) {
  const gap = side / 14;
  for (const [colour, width] of [
    ["rgb(0 0 0 / 70%)", 3],
    ["#fff", 1],
  ]) {
    brush.strokeStyle = colour;
    brush.lineWidth = width * devicePixelRatio;
    brush.beginPath();
    for (const [from, to] of [
      [0, side / 2 - gap],
      [side / 2 + gap, side],
    ]) {
      brush.moveTo(from, side / 2);
      brush.lineTo(to, side / 2);
      brush.moveTo(side / 2, from);
      brush.lineTo(side / 2, to);
    }
    brush.stroke();
  }
}

/**
 * The loupe's top-left corner in the window: above the place, or where the window ends there beside
 * it, on the side with more room.
 */
export function loupeCorner(place, gap, view) {
  const within = (value, size) => Math.min(size - SIZE_PX - EDGE_PX, Math.max(EDGE_PX, value));
  const above = place.y - gap - SIZE_PX;
  if (above >= EDGE_PX) return { left: within(place.x - SIZE_PX / 2, view.width), top: above };
  const isLeft = place.x > view.width / 2;
  const left = isLeft ? place.x - gap - SIZE_PX : place.x + gap;
  return { left, top: within(place.y - SIZE_PX / 2, view.height) };
}
