/**
 * What can play the second before and after a frame. Each player has start(entry), which resolves to
 * whether it plays now, stop(), and offset(): seconds between what it shows and the frame.
 */

const TILE_MS = 200;
/** Tiles before the frame's own in a strip of eleven, five a second. */
const MIDDLE_TILE = 5;
const TILES = 11;
const REACH_S = 1;
const BUSY = 503;
const BUSY_MS = 700;
/** A video that has not begun after this long leaves its place to the strip. */
const PATIENCE_MS = 2500;

/** Plays the source video itself, where the browser can. */
export class VideoPlayer {
  #video;
  #refused = new Set(); // addresses that did not play
  #turn = 0;
  #second = 0;

  constructor(video) {
    this.#video = video;
  }

  async start({ frame, clip }) {
    const video = this.#video;
    const url = clip.video_url;
    if (!url || this.#refused.has(url) || !video.canPlayType(clip.video_mime)) return false;
    const turn = ++this.#turn;
    this.#second = frame.second;
    try {
      await inTime(this.#begin(url, turn));
    } catch (error) {
      if (turn !== this.#turn) return false;
      if (error !== TOO_SLOW) this.#refused.add(url);
      this.stop();
      return false;
    }
    if (turn !== this.#turn) return false;
    video.hidden = false;
    this.#loop(turn);
    return true;
  }

  stop() {
    this.#turn += 1;
    this.#video.pause();
    this.#video.hidden = true;
  }

  offset() {
    return this.#video.currentTime - this.#second;
  }

  async #begin(url, turn) {
    const video = this.#video;
    if (video.dataset.url !== url) {
      video.dataset.url = url;
      video.src = url;
    }
    if (video.error) throw video.error;
    if (video.readyState < HTMLMediaElement.HAVE_METADATA) await event(video, "loadedmetadata");
    if (turn !== this.#turn) return;
    const seeked = event(video, "seeked");
    video.currentTime = this.#from;
    await seeked;
    if (turn === this.#turn) await video.play();
  }

  get #from() {
    return Math.max(0, this.#second - REACH_S);
  }

  #loop(turn) {
    if (turn !== this.#turn) return;
    const video = this.#video;
    if (!video.seeking && (video.ended || this.offset() >= REACH_S)) {
      video.currentTime = this.#from;
      if (video.ended) video.play().catch(() => {});
    }
    requestAnimationFrame(() => this.#loop(turn));
  }
}

/** Plays the strip of small pictures that the server makes; without one, the frames next to it. */
export class StripPlayer {
  #box;
  #band;
  #turn = 0;
  #timer = null;
  #tile = 0;
  #tiles = 1;
  #offsets = [];

  constructor(box) {
    this.#box = box;
    this.#band = box.firstElementChild;
  }

  async start(entry) {
    const turn = ++this.#turn;
    const strip = await this.#strip(entry.frame.context_url, turn);
    const scene = strip ?? (await neighbours(entry));
    if (turn !== this.#turn || scene === null) return false;
    this.#offsets = scene.offsets;
    this.#tiles = scene.offsets.length;
    this.#band.replaceChildren(...scene.pictures);
    this.#box.style.setProperty("--tiles", this.#tiles);
    this.#show(0);
    this.#box.hidden = false;
    this.#timer = setInterval(() => this.#show((this.#tile + 1) % this.#tiles), scene.tileMs);
    return true;
  }

  stop() {
    this.#turn += 1;
    clearInterval(this.#timer);
    this.#box.hidden = true;
  }

  offset() {
    return this.#offsets[this.#tile];
  }

  #show(tile) {
    this.#tile = tile;
    this.#box.style.setProperty("--tile", tile);
  }

  /** The frame's strip as a scene, or null where there is none. */
  async #strip(url, turn) {
    let reply = null;
    while (turn === this.#turn) {
      reply = await fetch(url).catch(() => null);
      if (reply?.status !== BUSY) break;
      await pause(BUSY_MS);
    }
    if (!reply?.ok) return null;
    const address = URL.createObjectURL(await reply.blob());
    const picture = await decoded(address);
    URL.revokeObjectURL(address);
    if (picture === null) return null;
    const offsets = Array.from({ length: TILES }, (_, n) => ((n - MIDDLE_TILE) * TILE_MS) / 1000);
    return { pictures: [picture], offsets, tileMs: TILE_MS };
  }
}

/** The lease's frames at most a second away as a scene, or null where there is only the one. */
async function neighbours({ frame, nearby = [] }) {
  const near = nearby.filter((other) => Math.abs(other.second - frame.second) <= REACH_S);
  const pictures = await Promise.all(near.map((other) => decoded(other.image_url)));
  const shown = near.filter((_, n) => pictures[n] !== null);
  if (shown.length < 2) return null;
  return {
    pictures: pictures.filter(Boolean),
    offsets: shown.map((other) => other.second - frame.second),
    tileMs: 500,
  };
}

async function decoded(url) {
  const picture = new Image();
  picture.alt = "";
  picture.src = url;
  try {
    await picture.decode();
    return picture;
  } catch {
    return null;
  }
}

const TOO_SLOW = new Error("the video has not begun in time");

function inTime(promise) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(TOO_SLOW), PATIENCE_MS)),
  ]);
}

function event(video, name) {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(video.error), { once: true });
  });
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
