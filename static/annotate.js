/**
 * The annotation page: one action is one answer and brings the next frame.
 *
 * Here its parts are put together; each stands in a module of its own. body[data-phase] and
 * body[data-frame] say what stands on the page (see flow.js), and body[data-unsent] counts what the
 * server has not confirmed.
 */

import { Answering } from "./answering.js";
import { Context } from "./context.js";
import { Crosshair } from "./crosshair.js";
import { Flow } from "./flow.js";
import { Keys } from "./keys.js";
import { Loupe } from "./loupe.js";
import { Outbox } from "./outbox.js";
import { FramePointer } from "./pointer.js";
import { FrameQueue } from "./prefetch.js";
import { watchPresence } from "./presence.js";
import { SkipMenu } from "./skip_menu.js";
import { Standing } from "./standing.js";
import { chosenLanguage, translator } from "./strings.js";
import { Tally } from "./tally.js";
import { History, Undo } from "./undo.js";
import { View } from "./view.js";
import { Zoom } from "./zoom.js";

const language = chosenLanguage([document.documentElement.lang]);
document.documentElement.lang = language;
const t = translator(language);

const view = new View(t);
const keys = new Keys(view);
const { keptUnder } = document.body.dataset;
const outbox = new Outbox(keptUnder, {
  changed: () => standing.refresh(),
  adopted: ({ entry }) => queue.responded(entry),
  settled: (item, reply) => answering.settled(item, reply),
});
const tally = new Tally(keptUnder, () => standing.refresh());
const history = new History(outbox);
const queue = new FrameQueue(
  () => opened.then(() => outbox.passed()),
  (trouble) => (standing.queueTrouble = trouble),
);
const flow = new Flow(view, queue);
const standing = new Standing({ flow, view, outbox, history, tally, t });
const answering = new Answering({ flow, view, queue, outbox, history, tally, t });
const undo = new Undo({ flow, view, queue, outbox, history, tally, t });
const zoom = new Zoom({ flow, view, keys, answering, crosshairAt: () => crosshair.point, t });
const crosshair = new Crosshair({ flow, view, zoom, answering, keys, t });
const context = new Context({ flow, view, keys, answering, t });
const loupe = new Loupe(view);
const skipMenu = new SkipMenu(async (reason, comment) => {
  // Small and short actions are often seen only as they move.
  if (reason === "cannot_tell" && (await context.lookFirst())) return;
  answering.skip(reason, comment);
});

const pointer = new FramePointer(view.frame, {
  isArmed: () => flow.isArmed && !zoom.isMoving,
  pointAt: (event) => view.pointAt(event),
  pressed(point, event) {
    crosshair.hide();
    view.showCrosshair(point);
    loupe.follow(point, event);
  },
  hovered: () => crosshair.hide(),
  released: (point, how) => answering.answer(point, how),
  cancelled() {
    loupe.follow(null);
    crosshair.show();
    view.say(t("cancelled"));
  },
});

// ---------------------------------------------------------------- keys and buttons

const byKey = (event) => ({ begunAt: event.timeStamp, pointer: "keyboard" });

keys.bind("n", (event) => answering.answer(null, byKey(event)));
keys.bind("s", openSkipMenu);
keys.bind("u", () => undo.undo());
keys.bind("Backspace", () => undo.undo());
keys.bind("h", takeHint);
keys.bind("?", () => view.openDialog("help"));
keys.bind("Escape", () => pointer.cancel());

function takeHint(event) {
  if (!flow.isArmed) return;
  const { hint } = flow.entry.frame;
  if (!hint) view.say(t("no_hint"));
  else answering.answer(hint.point, { ...byKey(event), byHintKey: true });
}

function openSkipMenu() {
  if (flow.isArmed) skipMenu.open();
}

const onClick = (id, act) => document.getElementById(id).addEventListener("click", act);

let lastPointerDown = { begunAt: 0, pointer: "mouse" };
document.addEventListener(
  "pointerdown",
  (event) => {
    lastPointerDown = { begunAt: event.timeStamp, pointer: event.pointerType || "mouse" };
  },
  { capture: true },
);

onClick("not-visible", (event) => {
  // A click without a pointer (detail 0) comes from Enter or Space on the button.
  answering.answer(null, event.detail === 0 ? byKey(event) : lastPointerDown);
});
onClick("skip", openSkipMenu);
onClick("undo", () => undo.undo());
onClick("last", () => undo.undo());
onClick("help-button", () => view.openDialog("help"));
onClick("look-again", () => flow.waitForNext());
for (const button of document.querySelectorAll(".bottom button")) {
  button.addEventListener("click", (event) => {
    // After a click the keys are for the frame again: Space would press the button once more.
    if (event.detail > 0) view.frame.focus({ preventScroll: true });
  });
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

// What an earlier page has left is sent before this one asks for frames.
const opened = outbox.open().then((items) => history.restore(items));
watchPresence({ queue, outbox });
flow.waitForNext();
tally.load();
