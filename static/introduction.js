/** The introduction: one step at a time, and a little practice on drawn frames. */

import { Exercise } from "./exercise.js";

/** The same tolerance that clicks on known frames have by default. */
const TOLERANCE = 0.08;

const byId = (id) => document.getElementById(id);
const card = byId("steps");
const steps = [...card.querySelectorAll(".step")];
let current = 0;

// ---------------------------------------------------------------- steps

function show(number, { isByPerson = true } = {}) {
  current = number;
  for (const [at, step] of steps.entries()) step.hidden = at !== number;
  const isLast = number === steps.length - 1;
  byId("back").disabled = number === 0;
  byId("forward").hidden = isLast;
  byId("to-end").hidden = isLast;
  byId("steering").dataset.last = isLast;
  byId("position").textContent = card.dataset.stepLabel
    .replace("{number}", number + 1)
    .replace("{total}", steps.length);
  if (isByPerson) {
    steps[number].querySelector("h1").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }
  if (isLast && scene === null) showScene(0);
}

byId("back").addEventListener("click", () => show(Math.max(0, current - 1)));
byId("forward").addEventListener("click", () => show(current + 1));
byId("to-end").addEventListener("click", () => show(steps.length - 1));

// ---------------------------------------------------------------- practice

const scenes = [...byId("practice-scenes").content.querySelectorAll("svg")];
let scene = null; // the number of the one that is shown

const exercise = new Exercise(
  {
    room: byId("practice"),
    isScrolled: true,
    frame: byId("practice-frame"),
    picture: byId("practice-picture"),
    notVisible: byId("practice-not-visible"),
  },
  judge,
);

function showScene(number) {
  scene = number;
  const drawing = document.importNode(scenes[number], true);
  byId("practice-phrase").textContent = drawing.dataset.phrase;
  byId("practice-verdict").replaceChildren();
  byId("practice-next").hidden = true;
  exercise.show(drawing, { width: 320, height: 200 });
}

function judge(clicked) {
  const { x, y, right, wrong, missed } = scenes[scene].dataset;
  const known = x === undefined ? null : { x: Number(x), y: Number(y) };
  const isRight = known === null ? clicked === null : isNear(clicked, known);
  exercise.showFeedback({ clicked, known, tolerance: TOLERANCE, isRight });
  const verdict = byId("practice-verdict");
  verdict.textContent = isRight ? right : clicked === null ? missed : wrong;
  verdict.dataset.verdict = isRight ? "right" : "wrong";
  const next = byId("practice-next");
  next.hidden = scene === scenes.length - 1;
  if (!next.hidden) next.focus({ preventScroll: true });
}

function isNear(clicked, known) {
  if (clicked === null) return false;
  const away = Math.hypot((clicked.x - known.x) * 320, (clicked.y - known.y) * 200);
  return away <= TOLERANCE * Math.hypot(320, 200);
}

byId("practice-next").addEventListener("click", () => {
  showScene(scene + 1);
  byId("practice-frame").focus({ preventScroll: true });
});

byId("practice").hidden = false;
byId("steering").hidden = false;
show(0, { isByPerson: false });
