/**
 * The annotation page: one action is one answer and brings the next frame.
 *
 * Phases (body[data-phase]): "loading" no frame yet; "shown" a frame is in the page and not yet
 * painted; "armed" a press begun now would become an answer (R8); "answered" the mark of the answer
 * stands for a moment; "undoing"; "done" there is no work. body[data-frame] names the frame and
 * body[data-unsent] counts what the server has not confirmed.
 */

import { call, isWorthRetrying } from "./api.js";
import { heldBack } from "./arming.js";
import { isArrow, placeOf, stepped } from "./coordinates.js";
import { Outbox } from "./outbox.js";
import { FramePointer } from "./pointer.js";
import { FrameQueue } from "./prefetch.js";
import { SkipMenu } from "./skip_menu.js";
import { chosenLanguage, translator } from "./strings.js";
import { View } from "./view.js";

const MARK_MS = 80;
const UNDO_DEPTH = 10;
const HEARTBEAT_MS = 5_000;
/** Leases of somebody who has gone are left to lapse. */
const AWAY_MS = 5 * 60_000;
/** A wait shorter than this shows nothing: the last frame stays. */
const CALM_MS = 150;
const CENTRE = { x: 0.5, y: 0.5 };

const language = chosenLanguage([...navigator.languages, document.documentElement.lang]);
document.documentElement.lang = language;
const t = translator(language);
const view = new View(t);
const outbox = new Outbox(refresh);
const queue = new FrameQueue(() => outbox.emptied(), (trouble) => {
  queueTrouble = trouble;
  refresh();
});

const skipMenu = new SkipMenu(skip);

let phase = "loading";
let entry = null; // the frame on the page
let paintedAt = null;
let crosshair = null; // a point, while the keyboard is in use
let last = null; // {answeredAt, place?} of the answer before, for the arming rule
let history = []; // what can be undone, newest last: {entry, item, kind, point}
let queueTrouble = null;
let isTaking = false; // the queue has been asked for the next frame
let isWaitShown = false;
let calmTimer = null;
let given = 0; // answers that the server has
let lastInputAt = performance.now();

// ---------------------------------------------------------------- frames

function enter(next) {
  phase = next;
  document.body.dataset.phase = next;
}

function show(next, old = null) {
  entry = next;
  paintedAt = null;
  document.body.dataset.frame = next.frame.frame_id;
  enter("shown");
  if (next.isBroken) view.showPanel({ title: t("broken_title"), text: t("broken_text") });
  else view.showFrame(next);
  if (old !== null) showOld(old);
  view.showCrosshair(crosshair);
  refresh();
  afterPaint(() => {
    if (entry !== next || phase !== "shown") return;
    paintedAt = performance.now();
    enter("armed");
    view.showLast(history.at(-1) ?? null);
  });
}

function showOld(old) {
  if (old.point) view.showOldAnswer(old.point);
  const wordings = { skip: "was_skipped", answer: old.point ? "was_point" : "was_not_visible" };
  view.say(t(wordings[old.kind]));
}

function advance() {
  const ready = queue.takeReady();
  if (ready) show(ready);
  else waitForNext();
}

async function waitForNext() {
  entry = null;
  isWaitShown = false;
  enter("loading");
  clearTimeout(calmTimer);
  calmTimer = setTimeout(() => {
    isWaitShown = true;
    refresh();
  }, CALM_MS);
  if (isTaking) return;
  isTaking = true;
  const next = await queue.take();
  isTaking = false;
  if (phase === "loading") {
    if (next) show(next);
    else finish();
  } else if (next) {
    queue.putBack(next); // a frame that was undone meanwhile comes first
  }
}

function finish() {
  enter("done");
  refresh();
}

/** Call back in the first moment after the picture that the page now holds has been painted. */
function afterPaint(callback) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = callback;
    channel.port2.postMessage(null);
  });
}

// ---------------------------------------------------------------- answers

/**
 * Answer the frame, if the arming rule lets the press count.
 * @param point null: not visible.
 * @param how {begunAt, pointer, byHintKey?}
 */
function answer(point, how) {
  if (phase !== "armed" || entry.isBroken) return;
  const place = point && placeOf(point, view.rect());
  const reason = heldBack({ begunAt: how.begunAt, place }, paintedAt, last);
  if (reason !== null) {
    if (reason !== "early") view.say(t(reason));
    return;
  }
  last = { answeredAt: how.begunAt, place };
  const rect = view.rect();
  const details = {
    ms_since_paint: Math.round(how.begunAt - paintedAt),
    ms_taken: Math.round(performance.now() - paintedAt),
    pointer: how.pointer,
    display_width: Math.round(rect.width),
    display_height: Math.round(rect.height),
    device_pixel_ratio: window.devicePixelRatio,
  };
  if (entry.frame.hint) details.hint_taken_by_key = Boolean(how.byHintKey);
  const item = outbox.add(
    `/frames/${entry.frame.frame_id}/answers`,
    { point, details },
    { isAnswer: true },
  );
  respond({ entry, item, kind: "answer", point });
}

function skip(reason, comment) {
  if (phase !== "armed") return;
  const body = comment ? { reason, comment } : { reason };
  const item = outbox.add(`/frames/${entry.frame.frame_id}/skips`, body, { isAnswer: false });
  respond({ entry, item, kind: "skip", point: null });
}

/** What every response does: mark it, remember it for undo, bring the next frame. */
function respond(record) {
  enter("answered");
  view.showCrosshair(null);
  view.showAnswer(record.point);
  queue.responded(record.entry);
  history = [...history, record].slice(-UNDO_DEPTH);
  record.item.settled.then((reply) => settled(record, reply));
  setTimeout(() => {
    if (phase === "answered") advance();
  }, MARK_MS);
}

function settled(record, { status, body }) {
  if (status === 200 || status === 201) {
    record.id = body.answer_id ?? body.skip_id;
    given = body.answers_given ?? given;
  } else {
    history = history.filter((other) => other !== record);
    queue.refused(record.entry);
    view.say(status === 409 ? t("frame_taken") : t("not_accepted", { status }));
  }
  refresh();
}

// ---------------------------------------------------------------- undo

async function undo() {
  if (!["armed", "loading", "done"].includes(phase)) return;
  const record = history.at(-1);
  if (!record) {
    view.say(t("nothing_to_undo"));
    return;
  }
  if (outbox.takeBack(record.item)) {
    reopen(record, null);
    return;
  }
  const before = phase;
  enter("undoing");
  const refusal = await takeBack(record);
  if (refusal === null) return;
  view.say(refusal);
  if (before === "loading") advance();
  else enter(before);
  refresh();
}

/** Have the server take a response back; returns why not, or null when its frame is here again. */
async function takeBack(record) {
  await Promise.race([record.item.settled, record.item.stalled]);
  if (record.id === undefined) return t("undo_offline");
  const { status, body } = await call("POST", `/${record.kind}s/${record.id}/undo`);
  if (isWorthRetrying(status)) return t("undo_offline");
  if (status !== 200) {
    history = history.filter((other) => other !== record);
    return t(body.error === "lease_lost" ? "frame_taken" : "undo_expired");
  }
  if (record.kind === "answer") given -= 1;
  reopen(record, body.lease);
  return null;
}

function reopen(record, lease) {
  history = history.filter((other) => other !== record);
  if (entry !== null) queue.putBack(entry);
  show(queue.reopen(record.entry, lease), record);
}

// ---------------------------------------------------------------- pointer

const pointer = new FramePointer(view.frame, {
  isArmed: () => phase === "armed",
  rect: () => view.rect(),
  pressed(point) {
    crosshair = null;
    view.showCrosshair(point);
  },
  hovered() {
    if (crosshair === null) return;
    crosshair = null;
    view.showCrosshair(null);
  },
  released: answer,
  cancelled() {
    view.showCrosshair(crosshair);
    view.say(t("cancelled"));
  },
});

// ---------------------------------------------------------------- keys and buttons

const KEYS = {
  n: (event) => answer(null, { begunAt: event.timeStamp, pointer: "keyboard" }),
  s: openSkipMenu,
  u: undo,
  Backspace: undo,
  h: takeHint,
  "?": () => view.openDialog("help"),
  Enter: answerAtCrosshair,
  Escape: () => pointer.cancel(),
};

document.addEventListener("keydown", (event) => {
  lastInputAt = performance.now();
  const isOnButton = event.target instanceof HTMLButtonElement;
  // The browser would press the button again for every repeat of a key that is held down.
  if (event.repeat && isOnButton && event.key === "Enter") event.preventDefault();
  if (event.ctrlKey || event.metaKey || event.altKey || view.hasDialog()) return;
  if (isArrow(event.key)) {
    moveCrosshair(event);
    return;
  }
  if (event.repeat || (event.key === "Enter" && isOnButton)) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
});

function moveCrosshair(event) {
  if (phase !== "armed" || entry.isBroken) return;
  event.preventDefault();
  // A button clicked before keeps the focus, and would take the Enter meant for the cross-hair.
  view.frame.focus({ preventScroll: true });
  crosshair = stepped(crosshair ?? CENTRE, event.key, event.shiftKey);
  view.showCrosshair(crosshair);
}

function answerAtCrosshair(event) {
  if (phase !== "armed" || entry.isBroken) return;
  if (crosshair === null) {
    crosshair = CENTRE;
    view.showCrosshair(crosshair);
    view.say(t("crosshair_first"));
    return;
  }
  answer(crosshair, { begunAt: event.timeStamp, pointer: "keyboard" });
}

function takeHint(event) {
  if (phase !== "armed") return;
  const hint = entry.frame.hint;
  if (!hint) view.say(t("no_hint"));
  else answer(hint.point, { begunAt: event.timeStamp, pointer: "keyboard", byHintKey: true });
}

function openSkipMenu() {
  if (phase === "armed") skipMenu.open();
}

const onClick = (id, act) => document.getElementById(id).addEventListener("click", act);

let lastPointerDown = { begunAt: 0, pointer: "mouse" };
document.addEventListener(
  "pointerdown",
  (event) => {
    lastInputAt = performance.now();
    lastPointerDown = { begunAt: event.timeStamp, pointer: event.pointerType || "mouse" };
  },
  { capture: true },
);

onClick("not-visible", (event) => {
  // A click without a pointer (detail 0) comes from Enter or Space on the button.
  const byKey = { begunAt: event.timeStamp, pointer: "keyboard" };
  answer(null, event.detail === 0 ? byKey : lastPointerDown);
});
onClick("skip", openSkipMenu);
onClick("undo", undo);
onClick("help-button", () => view.openDialog("help"));
onClick("look-again", waitForNext);
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

// ---------------------------------------------------------------- what stands on the page

function refresh() {
  document.body.dataset.unsent = outbox.size;
  view.showProgress({ entry, given: given + outbox.answers });
  view.showSaved(outbox.size === 0, outbox.trouble === null);
  const trouble = outbox.trouble ?? (phase === "loading" ? queueTrouble : null);
  view.saySteadily(trouble && outbox.size > 0 ? t(trouble, { n: outbox.size }) : "");
  if (phase === "loading" && isWaitShown) showWaiting(trouble);
  if (phase === "done") showDone();
  if (phase !== "shown") view.showLast(history.at(-1) ?? null);
}

function showWaiting(trouble) {
  const calm = document.body.dataset.frame ? "waiting" : "loading";
  view.showPanel({ text: t(trouble === null ? calm : `waiting_${trouble}`) });
}

function showDone() {
  view.showPanel({
    title: t("done_title"),
    text: t("done_text", { n: given }),
    hint: t("done_hint"),
    isDone: true,
  });
}

// ---------------------------------------------------------------- coming and going

setInterval(() => {
  if (performance.now() - lastInputAt < AWAY_MS) queue.renew();
}, HEARTBEAT_MS);

addEventListener("online", () => outbox.retryNow());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") outbox.retryNow();
});
addEventListener("beforeunload", (event) => {
  if (outbox.size > 0) event.preventDefault();
});
addEventListener("pagehide", () => {
  outbox.sendAllLater();
  queue.release();
});
addEventListener("pageshow", async (event) => {
  if (!event.persisted) return;
  // Back from the browser's cache: the leases were given back when the page was left.
  outbox.retryNow();
  await outbox.emptied();
  location.reload();
});

waitForNext();
call("GET", "/me").then(({ status, body }) => {
  if (status !== 200) return;
  given = Math.max(given, body.answers_given);
  refresh();
});
