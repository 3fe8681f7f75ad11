/**
 * Where on the frame: pointer positions, displayed sizes and fractions of the frame.
 *
 * Pure functions, no DOM. A *point* is {x, y} in fractions of the display-oriented frame (0..1,
 * origin top-left); a *place* is {clientX, clientY} in CSS pixels of the window; a *rect* is what
 * getBoundingClientRect() gives for the picture itself (it has no border and no padding).
 */

/** A frame is never drawn larger than this many CSS pixels per source pixel. */
export const MAX_UPSCALE = 2;

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

/** The cross-hair after an arrow key: 1 % of the frame a press, 5 % with Shift, never outside. */
export function stepped(point, key, isLarge) {
  const [dx, dy] = ARROWS[key];
  const step = isLarge ? LARGE_STEP : STEP;
  return { x: clamp(point.x + dx * step), y: clamp(point.y + dy * step) };
}

function clamp(fraction) {
  // Steps of 0.01 would otherwise gather binary dust (0.35000000000000003).
  return Math.min(1, Math.max(0, Math.round(fraction * 1e6) / 1e6));
}
