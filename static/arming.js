/**
 * When a press becomes an answer (R8).
 *
 * A second click of a double click, or a click begun on the frame before, must never answer a frame
 * that the person has not looked at; a person who works fast must not be slowed by a fixed dead
 * time. Times are milliseconds of performance.now(), which event.timeStamp shares.
 */

import { distancePx } from "./coordinates.js";

const SAME_PLACE_PX = 6;
const SAME_PLACE_MS = 700;
const NOT_VISIBLE_AGAIN_MS = 400;

/**
 * Why a press must not become an answer: null, "early", "same_place" or "not_visible_again".
 *
 * @param press {begunAt, place?}: when the button or key went down, and where; no place means
 *   "not visible".
 * @param paintedAt when the frame was first painted; null while it has not been.
 * @param last {answeredAt, place?} of the answer before; null when there was none.
 */
export function heldBack(press, paintedAt, last) {
  if (paintedAt === null || press.begunAt < paintedAt) return "early";
  if (last === null) return null;
  if (press.place) {
    const isSamePlace = last.place && distancePx(press.place, last.place) <= SAME_PLACE_PX;
    return isSamePlace && press.begunAt - paintedAt < SAME_PLACE_MS ? "same_place" : null;
  }
  const isAgain = !last.place && press.begunAt - last.answeredAt < NOT_VISIBLE_AGAIN_MS;
  return isAgain ? "not_visible_again" : null;
}
