/**
 * The flow of frames: which one stands on the page, and what may be done with it now.
 *
 * Phases (body[data-phase]): "loading" no frame yet; "shown" a frame is in the page and not yet
 * painted; "armed" a press begun now would become an answer (R8); "playing" something stands over
 * the frame; "answered" the mark of the answer stands for a moment; "undoing"; "done" there is no
 * work; "paused" there is none for this person until a maintainer says so. body[data-frame] names
 * the frame.
 *
 * Events, for flow.on(name, listener): "shown" (entry) a frame was put into the page; "left"
 * (entry) it is there no longer; "phase" (phase) after each change.
 */

/** A wait shorter than this shows nothing: the last frame stays. */
const CALM_MS = 150;

export class Flow extends EventTarget {
  #view;
  #queue;
  #isTaking = false; // the queue has been asked for the next frame
  #calmTimer = null;

  constructor(view, queue) {
    super();
    this.#view = view;
    this.#queue = queue;
    this.phase = "loading";
    /** The frame on the page (an entry of the queue), or null. */
    this.entry = null;
    /** When it was first painted, in ms of performance.now(); null while it has not been. */
    this.paintedAt = null;
    /** What the server says to the person whom it gives no work, or null. */
    this.message = null;
    /** Whether the wait for a frame is long enough to be spoken of. */
    this.isWaitShown = false;
  }

  on(name, listener) {
    this.addEventListener(name, (event) => listener(event.detail));
  }

  /** Whether a press begun now would become an answer. */
  get isArmed() {
    return this.phase === "armed";
  }

  /** Whether there is a picture to answer now; a broken one can only be skipped. */
  get isAnswerable() {
    return this.phase === "armed" && !this.entry.isBroken;
  }

  enter(phase) {
    this.phase = phase;
    document.body.dataset.phase = phase;
    this.#tell("phase", phase);
  }

  /** Put a frame on the page; it is armed once it has been painted. */
  show(entry) {
    this.#leave();
    this.entry = entry;
    this.paintedAt = null;
    document.body.dataset.frame = entry.frame.frame_id;
    this.#view.show(entry);
    this.enter("shown");
    this.#tell("shown", entry);
    afterPaint(() => {
      if (this.entry !== entry || this.phase !== "shown") return;
      this.paintedAt = performance.now();
      this.enter("armed");
    });
  }

  /** Let something stand over an armed frame: no press counts until rearm(). */
  cover() {
    this.enter("playing");
  }

  /** The frame is to be seen again: arm it once it has been painted; resolves then. */
  rearm() {
    const { entry } = this;
    return new Promise((resolve) => {
      afterPaint(() => {
        if (this.entry === entry && this.phase === "playing") this.enter("armed");
        resolve();
      });
    });
  }

  /** Bring the next frame, at once where its picture is ready. */
  advance() {
    // One that is on its way, its picture decoding while another is taken back, comes first.
    const ready = this.#isTaking ? null : this.#queue.takeReady();
    if (ready) this.show(ready);
    else this.waitForNext();
  }

  async waitForNext() {
    this.#leave();
    this.isWaitShown = false;
    this.enter("loading");
    clearTimeout(this.#calmTimer);
    this.#calmTimer = setTimeout(() => {
      this.isWaitShown = true;
      if (this.phase === "loading") this.enter("loading");
    }, CALM_MS);
    if (this.#isTaking) return;
    this.#isTaking = true;
    const { entry, reason, message } = await this.#queue.take();
    this.#isTaking = false;
    if (entry && this.phase !== "loading") {
      this.#queue.putBack(entry); // a frame that was undone meanwhile comes first
    } else if (entry) {
      this.show(entry);
    } else if (reason === "to_qualify") {
      location.assign("/qualify");
    } else if (this.phase === "loading") {
      this.message = message ?? null;
      this.enter(reason === "paused" ? "paused" : "done");
    }
  }

  #leave() {
    const left = this.entry;
    this.entry = null;
    if (left !== null) this.#tell("left", left);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Call back in the first moment after the picture that the page now holds has been painted. */
function afterPaint(callback) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = callback;
    channel.port2.postMessage(null);
  });
}
