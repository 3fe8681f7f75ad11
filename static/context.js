/**
 * Context play: what moves in the second before and after the frame, while a key or button is held.
 *
 * The video itself plays where the browser can, else a strip of small pictures. The frame is
 * disarmed meanwhile and comes back exactly as it was. How long it was played goes with the answer.
 */

import { StripPlayer, VideoPlayer } from "./players.js";

/** A press of the button shorter than this is a tap: it plays until the next one. */
const TAP_MS = 300;
/** Played for less than this, nothing of it was seen. */
const SEEN_MS = 500;
/** One time through, for somebody who is about to say that they cannot tell. */
const ONCE_MS = 2400;

const byId = (id) => document.getElementById(id);

export class Context {
  #page;
  #players = [new VideoPlayer(byId("video")), new StripPlayer(byId("strip"))];
  #button = byId("context-button");
  #player = null; // the one that plays now
  #entry = null; // around which frame
  #heldBy = null; // "key", "button", "tap" or "once", while playing or about to
  #turn = 0; // counts starts and stops, so that what begins late knows that it is not wanted
  #beganAt = null;
  #onceTimer = null;
  #times = new WeakMap(); // entry -> ms played
  #without = new WeakSet(); // entries around which there is nothing to play

  /** @param page {flow, view, keys, answering, t} */
  constructor(page) {
    this.#page = page;
    const { flow, view, keys, answering } = page;
    keys.bind(" ", () => this.#start("key"), {
      released: () => {
        if (this.#heldBy === "key") this.stop();
      },
    });
    answering.addDetails((entry) => ({ context_ms: Math.round(this.#times.get(entry) ?? 0) }));
    flow.on("left", () => this.stop());
    addEventListener("blur", () => this.stop());
    view.frame.addEventListener("pointerdown", () => this.stop());
    this.#listenToButton();
  }

  /**
   * Play once where this frame's context was not seen yet.
   * @returns {Promise<boolean>} whether it plays: then the person looks first. False where it was
   *   seen, or where there is nothing to play.
   */
  async lookFirst() {
    const { flow, view, t } = this.#page;
    const { entry } = flow;
    if (!flow.isAnswerable || this.#without.has(entry)) return false;
    if ((this.#times.get(entry) ?? 0) >= SEEN_MS) return false;
    if (!(await this.#start("once"))) return !this.#without.has(entry);
    view.say(t("look_first"));
    this.#onceTimer = setTimeout(() => this.stop(), ONCE_MS);
    return true;
  }

  /** End playing, if it is on, and bring the frame back; resolves once it is armed. */
  async stop() {
    if (this.#heldBy === null) return;
    const { flow, view, t } = this.#page;
    clearTimeout(this.#onceTimer);
    this.#turn += 1;
    this.#heldBy = null;
    for (const player of this.#players) player.stop();
    if (this.#player !== null) {
      const entry = this.#entry;
      this.#times.set(entry, (this.#times.get(entry) ?? 0) + performance.now() - this.#beganAt);
    }
    this.#player = null;
    this.#entry = null;
    view.showClock(null);
    view.unsay(t("context_playing"));
    this.#button.setAttribute("aria-pressed", "false");
    await flow.rearm();
  }

  /** Resolves to whether something plays and is still wanted. */
  async #start(heldBy) {
    const { flow, view, t } = this.#page;
    if (this.#heldBy !== null || !flow.isAnswerable) return false;
    this.#heldBy = heldBy;
    const { entry } = flow;
    this.#entry = entry;
    flow.cover();
    this.#button.setAttribute("aria-pressed", "true");
    const turn = ++this.#turn;
    const isWanted = () => turn === this.#turn;
    for (const player of this.#players) {
      if ((await player.start(entry)) && isWanted()) {
        this.#player = player;
        this.#beganAt = performance.now();
        view.say(t("context_playing"));
        this.#tick(player);
        return true;
      }
      if (!isWanted()) return false;
    }
    this.#without.add(entry);
    await this.stop();
    view.say(t("context_none"));
    return false;
  }

  #tick(player) {
    if (this.#player !== player) return;
    this.#page.view.showClock(player.offset());
    requestAnimationFrame(() => this.#tick(player));
  }

  #listenToButton() {
    const button = this.#button;
    let pressedAt = null; // null: no press that began to play
    let isPointer = false;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      isPointer = true;
      pressedAt = this.#heldBy === null ? event.timeStamp : null;
      if (pressedAt === null) this.stop();
      else this.#start("button");
    });
    const letGo = (event) => {
      if (pressedAt === null) return;
      if (this.#heldBy === "button" && event.timeStamp - pressedAt < TAP_MS) this.#heldBy = "tap";
      else this.stop();
      pressedAt = null;
    };
    button.addEventListener("pointerup", letGo);
    button.addEventListener("pointercancel", letGo);
    button.addEventListener("pointerleave", letGo);
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      // By Enter, Space or a screen reader: there is no holding, so it switches.
      if (!isPointer && this.#heldBy === null) this.#start("tap");
      else if (!isPointer) this.stop();
      isPointer = false;
    });
  }
}
