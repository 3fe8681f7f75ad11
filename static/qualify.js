/**
 * The qualification: a frame, its feedback, the next frame; in the end passed or not yet. The server
 * judges: what is known of a frame comes only with the reply to the answer.
 *
 * body[data-phase]: "loading", "panel", "armed", "feedback"; body[data-frame] names the frame.
 */

import { call } from "./api.js";
import { Exercise } from "./exercise.js";

const byId = (id) => document.getElementById(id);
const words = byId("words").content;

let progress = null; // as the server tells it
let isBegun = false;
let attempt = 0; // the one that the person is at
let right = 0; // answers of it, the last one included
let tick = null;

const exercise = new Exercise(
  { room: byId("stage"), frame: byId("frame"), picture: byId("picture"), notVisible: byId("not-visible") },
  answer,
);

function say(key, values = {}) {
  const text = words.querySelector(`[data-word="${key}"]`).textContent;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

function enter(phase) {
  document.body.dataset.phase = phase;
}

// ---------------------------------------------------------------- where the person stands

async function look() {
  enter("loading");
  const { status, body } = await call("GET", "/qualification");
  if (status !== 200) {
    const text = say(status === 401 ? "signed_out" : "offline_load");
    showPanel({ text, button: say("again"), act: look });
    return;
  }
  progress = body;
  goOn();
}

function goOn() {
  const { state, n_answered: answered, n_frames: total, attempts } = progress;
  if (state === "off") location.assign("/");
  else if (state === "passed") {
    showPanel({
      title: say("passed_title"),
      text: answered > 0 ? say("passed_text", { right: progress.n_right, total }) : say("passed_again"),
      button: say("start"),
      act: () => location.assign("/"),
    });
  } else if (state === "failed") {
    showPanel({ title: say("failed_title"), text: say("failed_text"), more: say("failed_more") });
  } else if (state === "waiting") showWaiting();
  else if (isBegun && progress.attempt > attempt) showNotYet();
  else if (isBegun) showFrame();
  else {
    showPanel({
      text: say("begin_text"),
      more: say("begin_more", { attempts }),
      button: say(answered === 0 ? "begin" : "go_on"),
      act: begin,
    });
  }
}

function begin() {
  isBegun = true;
  attempt = progress.attempt;
  showFrame();
}

/** An attempt has failed, and the next one is open at once. */
function showNotYet() {
  const { n_frames: total } = progress;
  showPanel({
    title: say("waiting_title"),
    text: say("waiting_text", { right, total }),
    hasLink: true,
    button: say("again"),
    act: begin,
  });
}

function showWaiting() {
  const { n_frames: total, attempts, wait_s: wait } = progress;
  const until = performance.now() + wait * 1000;
  const left = () => Math.ceil((until - performance.now()) / 60_000);
  showPanel({ title: say("waiting_title"), text: say("waiting_text", { right: progress.n_right, total }), hasLink: true });
  const refresh = () => {
    if (performance.now() >= until) {
      clearInterval(tick);
      byId("panel-more").hidden = true;
      offer(say("again"), () => {
        isBegun = false;
        look();
      });
      return;
    }
    setText("panel-more", say("waiting_minutes", { minutes: left(), attempt: progress.attempt, attempts }));
  };
  tick = setInterval(refresh, 1000);
  refresh();
}

// ---------------------------------------------------------------- a frame and its answer

async function showFrame() {
  enter("loading");
  const { frame, n_answered: answered, n_frames: total } = progress;
  const picture = new Image(frame.width, frame.height);
  picture.alt = "";
  picture.draggable = false;
  picture.src = frame.image_url;
  try {
    await picture.decode();
  } catch {
    showPanel({ text: say("broken"), button: say("again"), act: look });
    return;
  }
  document.body.dataset.frame = frame.frame_id;
  byId("phrase").textContent = frame.description;
  byId("position").textContent = say("position", { number: answered + 1, total });
  byId("verdict").replaceChildren();
  byId("panel").hidden = true;
  byId("frame").hidden = false;
  byId("not-visible").hidden = false;
  byId("next").hidden = true;
  exercise.show(picture, frame);
  byId("frame").focus({ preventScroll: true });
  enter("armed");
}

async function answer(point) {
  const path = `/qualification/frames/${progress.frame.frame_id}/answers`;
  const { status, body } = await call("POST", path, { body: { point } });
  if (status === 404 || status === 409) {
    await look(); // answered in another tab: go on where the server stands
    return;
  }
  if (status !== 200) {
    showVerdict(say(status === 401 ? "signed_out" : "offline"), "wrong");
    exercise.rearm();
    return;
  }
  right = progress.n_right + Number(body.is_right);
  progress = body.qualification;
  showFeedback(point, body);
}

function showFeedback(clicked, { is_right: isRight, known, tolerance, note }) {
  enter("feedback");
  exercise.showFeedback({ clicked, known, tolerance, isRight });
  const key = isRight
    ? known === null ? "right_not_visible" : "right"
    : known === null ? "wrong_guessed" : clicked === null ? "wrong_missed" : "wrong";
  showVerdict([say(key), !isRight && note].filter(Boolean).join(" "), isRight ? "right" : "wrong");
  byId("not-visible").hidden = true;
  byId("next").hidden = false;
  byId("next").focus({ preventScroll: true });
}

function showVerdict(text, kind) {
  byId("verdict").textContent = text;
  byId("verdict").dataset.verdict = kind;
}

byId("next").addEventListener("click", (event) => {
  if (event.detail <= 1 && document.body.dataset.phase === "feedback") goOn();
});

// ---------------------------------------------------------------- words where the frame would be

function showPanel({ title = null, text, more = "", button = null, act = null, hasLink = false }) {
  clearInterval(tick);
  enter("panel");
  delete document.body.dataset.frame;
  if (title !== null) byId("panel-title").textContent = title;
  byId("panel-text").textContent = text;
  setText("panel-more", more);
  byId("panel-link").hidden = !hasLink;
  byId("panel-button").hidden = true;
  byId("position").textContent = "";
  byId("verdict").replaceChildren();
  byId("frame").hidden = true;
  byId("not-visible").hidden = true;
  byId("next").hidden = true;
  byId("panel").hidden = false;
  if (button !== null) offer(button, act);
  else byId("panel-title").focus({ preventScroll: true });
}

function offer(label, act) {
  const button = byId("panel-button");
  button.textContent = label;
  button.onclick = act;
  button.hidden = false;
  button.focus({ preventScroll: true });
}

function setText(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = text === "";
}

look();
