/**
 * Where on the frame: pointer positions, displayed sizes and fractions of the frame.
 *
 * Pure functions, no DOM. A *point* is {x, y} in fractions of the display-oriented frame (0..1,
 * origin top-left); a *place* is {clientX, clientY} in CSS pixels of the window; a *rect* is what
 * getBoundingClientRect() gives for the picture itself (it has no border and no padding).
 */

/** A frame is never drawn larger than this many CSS pixels per source pixel. */
export const MAX_UPSCALE = 2;

/** Magnification goes from the whole frame to this. */
export const MAX_ZOOM = 8;

const STEP = 0.01;
const LARGE_STEP = 0.05;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The keys that move the cross-hair. */
export const ARROW_KEYS = Object.keys(ARROWS);

/** Size in whole CSS pixels at which a frame fills the available room and keeps its aspect. */
export function fitFrame(available, source) {
  const scale = Math.min(
    available.width / source.width,
    available.height / source.height,
    MAX_UPSCALE,
  );
  return {
    width: Math.max(1, Math.floor(source.width * scale)),
    height: Math.max(1, Math.floor(source.height * scale)),
  };
}

/** The point of the frame under a place, or null where the place is beside the frame. */
export function pointAt(place, rect) {
  const x = (place.clientX - rect.left) / rect.width;
  const y = (place.clientY - rect.top) / rect.height;
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
}

/** The place in the window of a point of the frame: the inverse of pointAt. */
export function placeOf(point, rect) {
  return {
    clientX: rect.left + point.x * rect.width,
    clientY: rect.top + point.y * rect.height,
  };
}

/** Distance between two places in CSS pixels. */
export function distancePx(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

/**
 * The cross-hair after an arrow key, never outside the frame.
 * @param size what the step is measured in: "small" 1 % and "large" 5 % of the part of the frame
 *   that is in view, "pixel" one CSS pixel.
 * @param rect the displayed picture.
 * @param zoom how many times the frame is magnified.
 */
export function stepped(point, key, size, rect, zoom = 1) {
  const [dx, dy] = ARROWS[key];
  const part = (size === "large" ? LARGE_STEP : STEP) / zoom;
  const [x, y] = size === "pixel" ? [1 / rect.width, 1 / rect.height] : [part, part];
  return { x: clamp(point.x + dx * x), y: clamp(point.y + dy * y) };
}

/** The whole frame as an area: where a search by thirds begins. */
export const WHOLE = { left: 0, top: 0, size: 1 };

/**
 * The ninth of an area that a digit names, as on a number pad: 7 is top-left, 5 the middle.
 * An area is {left, top, size}: its corner and its width and height, in fractions of the frame.
 */
export function ninth(area, digit) {
  const column = (digit - 1) % 3;
  const row = 2 - Math.floor((digit - 1) / 3);
  const size = area.size / 3;
  return { left: area.left + column * size, top: area.top + row * size, size };
}

export function middleOf({ left, top, size }) {
  return { x: clamp(left + size / 2), y: clamp(top + size / 2) };
}

/**
 * What part of the picture its frame shows: {scale, x, y}, the magnification and the point of the
 * picture in the frame's middle. The picture never leaves an edge of the frame bare.
 */
export function lookedAt({ scale, x, y }) {
  const half = 0.5 / scale;
  const inside = (fraction) => Math.min(1 - half, Math.max(half, fraction));
  return { scale, x: inside(x), y: inside(y) };
}

/** The look at another magnification with one point of the picture staying where it is. */
export function zoomedAt(look, scale, point) {
  const to = Math.min(MAX_ZOOM, Math.max(1, scale));
  const kept = (middle, fraction) => fraction - ((fraction - middle) * look.scale) / to;
  return lookedAt({ scale: to, x: kept(look.x, point.x), y: kept(look.y, point.y) });
}

/** The look after the picture was moved by fractions of its frame. */
export function movedBy(look, dx, dy) {
  return lookedAt({ ...look, x: look.x - dx / look.scale, y: look.y - dy / look.scale });
}

/** The look that has a point in view, moved no more than that needs. */
export function followed(look, point) {
  const reach = 0.4 / look.scale;
  const near = (middle, fraction) => Math.min(fraction + reach, Math.max(fraction - reach, middle));
  return lookedAt({ scale: look.scale, x: near(look.x, point.x), y: near(look.y, point.y) });
}

function clamp(fraction) {
  // Steps of 0.01 would otherwise gather binary dust (0.35000000000000003).
  return Math.min(1, Math.max(0, Math.round(fraction * 1e6) / 1e6));
}
