/**
 * What is drawn over a frame once it was answered: the click, the known point, the ring within
 * which a click is right, and an arrow from the one to the other.
 */

const SVG = "http://www.w3.org/2000/svg";
/** The arrow ends before the known point's dot, and begins outside the click's. */
const CLEAR_PX = 13;
const DOT_PX = 8;

/**
 * Draw an answer and the known one.
 * @param svg an empty element that covers the frame.
 * @param size {width, height} of the displayed frame in CSS pixels.
 * @param answer {clicked, known, tolerance, isRight}: points in fractions of the frame, null for
 *   "not visible"; tolerance as a fraction of its diagonal.
 */
export function drawAnswer(svg, size, { clicked, known, tolerance, isRight }) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  const at = (point) => ({ x: point.x * size.width, y: point.y * size.height });
  if (known !== null) {
    const { x, y } = at(known);
    const r = tolerance * Math.hypot(size.width, size.height);
    both(svg, "circle", { cx: x, cy: y, r }, "ring");
    both(svg, "path", { d: `M${x - 7} ${y}H${x + 7}M${x} ${y - 7}V${y + 7}` }, "known");
  }
  if (clicked !== null) {
    const { x, y } = at(clicked);
    both(svg, "circle", { cx: x, cy: y, r: DOT_PX }, isRight ? "clicked right" : "clicked wrong");
  }
  if (clicked !== null && known !== null && !isRight) {
    const d = arrow(at(clicked), at(known));
    if (d !== null) both(svg, "path", { d }, "arrow");
  }
}

/** The path of an arrow between two places in pixels; null where they are too near for one. */
export function arrow(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length < 2 * CLEAR_PX + 8) return null;
  const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const round = (value) => Math.round(value * 10) / 10;
  const place = (along, aside) =>
    `${round(from.x + ux * along - uy * aside)} ${round(from.y + uy * along + ux * aside)}`;
  const end = length - CLEAR_PX;
  return `M${place(CLEAR_PX, 0)}L${place(end, 0)}M${place(end - 10, 7)}L${place(end, 0)}L${place(end - 10, -7)}`;
}

/** Draw a shape twice, dark and wide below light and narrow, so that it shows on any colour. */
function both(svg, kind, attributes, name) {
  for (const layer of ["under", "over"]) {
    const shape = document.createElementNS(SVG, kind);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    shape.setAttribute("class", `${name} ${layer}`);
    svg.append(shape);
  }
}
