/** What the annotation page shows; no rule lives here. */

import { fitFrame, pointAt } from "./coordinates.js";

const MESSAGE_MS = 4000;
const SLOW_MS = 1000;

const byId = (id) => document.getElementById(id);

export class View {
  #t;
  #picture = null;
  #messageTimer = null;
  #standing = { text: "" };
  #slowTimer = null;

  constructor(t) {
    this.#t = t;
    for (const name of ["frame", "panel", "sheet", "stage", "undo"]) this[name] = byId(name);
    for (const element of document.querySelectorAll("[data-string]")) {
      element.textContent = t(element.dataset.string);
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", t(element.dataset.label));
      if (element instanceof HTMLButtonElement) element.title = tooltip(element, t);
    }
    new ResizeObserver(() => this.#fit()).observe(this.stage);
  }

  /** The <img> on the page. */
  get picture() {
    return this.#picture;
  }

  /** The displayed picture's rectangle in the window; magnified, it reaches beyond its frame. */
  rect() {
    return this.#picture.getBoundingClientRect();
  }

  /** The point of the picture under a place of the window; null beside the frame. */
  pointAt(place) {
    const isInside = pointAt(place, this.frame.getBoundingClientRect()) !== null;
    return isInside ? pointAt(place, this.rect()) : null;
  }

  /** Show a part of the picture: see lookedAt in coordinates.js. */
  showLook({ scale, x, y }) {
    this.frame.classList.toggle("zoomed", scale > 1);
    this.sheet.style.setProperty("--zoom", scale);
    this.sheet.style.setProperty("--left", 0.5 - x * scale);
    this.sheet.style.setProperty("--top", 0.5 - y * scale);
  }

  /** Outline the part of the frame that a search by thirds has come to; null: none. */
  showArea(area) {
    byId("area").hidden = area === null;
    if (area === null) return;
    byId("area").style.setProperty("--x", area.left);
    byId("area").style.setProperty("--y", area.top);
    byId("area").style.setProperty("--size", area.size);
  }

  /** Say how far from the frame the moment is that plays now, in seconds; null: nothing plays. */
  showClock(offset) {
    byId("clock").hidden = offset === null;
    if (offset === null) return;
    const seconds = Math.min(1, Math.max(-1, offset));
    byId("clock").style.setProperty("--at", (seconds + 1) / 2);
  }

  /** Show an entry's picture, or say that it does not load. */
  show(entry) {
    if (entry.isBroken) {
      this.showPanel({ title: this.#t("broken_title"), text: this.#t("broken_text") });
    } else {
      this.showFrame(entry);
    }
  }

  /** Swap the picture in; it is decoded already, so that the next paint shows it. */
  showFrame(entry) {
    setText(byId("phrase"), entry.action.description);
    this.#picture = entry.picture;
    byId("picture").replaceChildren(entry.picture);
    this.#fit();
    this.frame.classList.remove("fading");
    this.#place("dot", null);
    this.#place("old-dot", null);
    this.#place("hint", entry.frame.hint?.point ?? null);
    this.panel.hidden = true;
    this.frame.hidden = false;
  }

  /** Show words where the frame would be. */
  showPanel({ title = "", text = "", hint = "", link = null, mayLookAgain = false }) {
    const lines = { "panel-title": title, "panel-text": text, "panel-hint": hint };
    for (const [id, words] of Object.entries(lines)) {
      setText(byId(id), words);
      byId(id).hidden = words === "";
    }
    byId("panel-link").hidden = link === null;
    byId("panel-link").href = link?.href ?? "";
    byId("panel-link").target = link?.isNewTab ? "_blank" : "";
    setText(byId("panel-link"), link?.words ?? "");
    byId("look-again").hidden = !mayLookAgain;
    this.frame.hidden = true;
    this.panel.hidden = false;
  }

  /** Mark the answer given: it stays until the next frame. */
  showAnswer(point) {
    this.#place("dot", point);
    if (point === null) this.frame.classList.add("fading");
  }

  showOldAnswer(point) {
    this.#place("old-dot", point);
  }

  showCrosshair(point) {
    this.#place("crosshair", point);
  }

  /** The last answer, small, beside the undo button. */
  showLast(record) {
    this.undo.disabled = record === null;
    byId("last").hidden = record === null || record.entry.isBroken;
    if (byId("last").hidden) return;
    byId("last-picture").src = record.entry.frame.image_url;
    this.#place("last-dot", record.point);
  }

  showProgress({ entry, given }) {
    const position = entry ? this.#t("position", entry) : "";
    const parts = [position, this.#t("given", { n: given })].filter(Boolean);
    setText(byId("progress"), parts.join(" · "));
  }

  /** A thin bar over the page; its words are for who rests on it, or listens. */
  showBatch({ size, done, words }) {
    const bar = byId("batch");
    if (bar.title === words) return;
    bar.max = size;
    bar.value = done;
    bar.ariaLabel = bar.title = words;
  }

  /**
   * Show whether all is saved. "Saved" goes at once when something is not, "Saving" comes after a
   * while only: words that change with every click are not calm.
   */
  showSaved(isSaved, isGoingWell) {
    byId("saved").classList.toggle("unsure", !isSaved);
    if (isSaved || !isGoingWell) {
      clearTimeout(this.#slowTimer);
      this.#slowTimer = null;
      this.#saved(isSaved ? "saved" : "unsaved");
    } else {
      this.#slowTimer ??= setTimeout(() => this.#saved("saving"), SLOW_MS);
    }
  }

  /** A quiet note under the frame, for a few seconds. */
  say(text) {
    clearTimeout(this.#messageTimer);
    this.#message({ text });
    this.#messageTimer = setTimeout(() => {
      this.#messageTimer = null;
      this.#message(this.#standing);
    }, MESSAGE_MS);
  }

  /** Take a quiet note away before its time, if it still stands. */
  unsay(text) {
    if (byId("message").textContent !== text) return;
    clearTimeout(this.#messageTimer);
    this.#messageTimer = null;
    this.#message(this.#standing);
  }

  /**
   * A note that stands as long as it is true; "" takes it away.
   * @param options {isWarning; link: {href, words, isNewTab}, put after the text}
   */
  saySteadily(text, { isWarning = false, link = null } = {}) {
    this.#standing = { text, isWarning, link };
    if (this.#messageTimer === null) this.#message(this.#standing);
  }

  openDialog(id) {
    byId(id).showModal();
  }

  hasDialog() {
    return document.querySelector("dialog[open]") !== null;
  }

  #saved(how) {
    setText(byId("saved"), this.#t(how));
    byId("saved").classList.remove("unsure");
    byId("saved").classList.toggle("pending", how !== "saved");
  }

  #message({ text, isWarning = false, link = null }) {
    const message = byId("message");
    const words = link === null ? text : `${text} ${link.words}`;
    if (message.textContent !== words) {
      message.replaceChildren(...(link === null ? [text] : [`${text} `, newLink(link)]));
    }
    message.classList.toggle("warning", isWarning);
  }

  #place(id, point) {
    const mark = byId(id);
    mark.hidden = point === null || point === undefined;
    if (mark.hidden) return;
    mark.style.setProperty("--x", `${point.x * 100}%`);
    mark.style.setProperty("--y", `${point.y * 100}%`);
  }

  #fit() {
    if (this.#picture === null) return;
    const style = getComputedStyle(this.stage);
    const { clientWidth, clientHeight } = this.stage;
    const room = {
      width: clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    };
    const source = { width: this.#picture.naturalWidth, height: this.#picture.naturalHeight };
    const size = fitFrame(room, source);
    this.frame.style.width = `${size.width}px`;
    this.frame.style.height = `${size.height}px`;
  }
}

function newLink({ href, words, isNewTab = false }) {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = words;
  if (isNewTab) link.target = "_blank";
  return link;
}

/** A button's name and its keys, for who rests on it with the pointer. */
function tooltip(button, t) {
  const keys = button.ariaKeyShortcuts ?? button.getAttribute("aria-keyshortcuts");
  const name = t(button.dataset.label);
  return keys ? `${name} (${keys.toUpperCase()})` : name;
}

/** Set text only where it changes: screen readers speak every write to a live region. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
