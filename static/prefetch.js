/**
 * The frames that come next: leases, their heartbeat, and pictures decoded before they are needed.
 *
 * An *entry* is one leased frame: {frame, leaseId, clip, action, number, total, picture}, where
 * `picture` is a decoded <img> once it is ready, and `isBroken` says that it never will be.
 */

import { call, releaseLater } from "./api.js";

const DECODE_AHEAD = 4;
const NEXT_LEASE_AT = 6;
/** The server gives nobody more than two. */
const MAX_LEASES = 2;
const DECODE_TRIES = 3;
const RETRY_MS = 1000;

export class FrameQueue {
  #waiting = [];
  #leases = new Map(); // lease id -> {expiresInS, renewAt, open: frame ids without a response}
  #responded = new Set();
  #asking = null;
  #lastLeaseId = null;
  #hasNoSecondLease = false;
  #responsesSent;
  #trouble;

  /**
   * @param responsesSent gives a promise that resolves when the server has every response so far:
   *   asked for work before that, it would offer those frames again.
   * @param trouble called with "offline", "signed_out" or null as leases are asked for.
   */
  constructor(responsesSent, trouble) {
    this.#responsesSent = responsesSent;
    this.#trouble = trouble;
  }

  /** The next entry if its picture is ready now; null otherwise. */
  takeReady() {
    const head = this.#waiting[0];
    if (!head?.picture) return null;
    this.#waiting.shift();
    this.#prepare();
    return head;
  }

  /** The next entry, once its picture is decoded or known to be broken; null: there is no work. */
  async take() {
    while (this.#waiting.length === 0) {
      if (this.#asking !== null) await this.#asking;
      else if ((await this.#ask()) === "no_work") return null;
      if (this.#waiting.length === 0) await pause(RETRY_MS);
    }
    const head = this.#waiting.shift();
    this.#decode(head);
    this.#prepare();
    await head.decoded;
    return head;
  }

  /** Put an entry back at the head, to be shown after the one that was undone. */
  putBack(entry) {
    this.#waiting.unshift(entry);
  }

  /** Note that a frame was answered or skipped: its lease may have ended with it. */
  responded(entry) {
    this.#responded.add(entry.frame.frame_id);
    const lease = this.#leases.get(entry.leaseId);
    lease?.open.delete(entry.frame.frame_id);
    if (lease?.open.size === 0) this.#leases.delete(entry.leaseId);
  }

  /** Note that a response was refused for good: the frame may be offered again. */
  refused(entry) {
    this.#responded.delete(entry.frame.frame_id);
  }

  /** Make a frame whose response was taken back answerable again, under the lease it now has. */
  reopen(entry, lease = null) {
    this.#responded.delete(entry.frame.frame_id);
    if (lease === null) {
      this.#hold(entry.leaseId, entry.expiresInS, [entry.frame.frame_id]);
      return entry;
    }
    const again = { ...entry, leaseId: lease.lease_id, frame: lease.frames[0] };
    this.#hold(lease.lease_id, lease.expires_in_s, [again.frame.frame_id]);
    return again;
  }

  /** Renew the leases that are due; call every few seconds while somebody is at work. */
  async renew() {
    for (const [leaseId, lease] of [...this.#leases]) {
      if (performance.now() < lease.renewAt) continue;
      const { status, body } = await call("POST", `/leases/${leaseId}/renew`);
      if (status === 200) {
        lease.renewAt = renewalTime(body.expires_in_s ?? lease.expiresInS);
      } else if (status === 409 || status === 404) {
        this.#drop(leaseId);
      }
    }
  }

  /** Give every lease back: the page is closing. */
  release() {
    for (const leaseId of this.#leases.keys()) releaseLater(leaseId);
  }

  /** Decode the pictures that come next, and see to the next lease before this one ends. */
  #prepare() {
    for (const entry of this.#waiting.slice(0, DECODE_AHEAD)) this.#decode(entry);
    const isShort = this.#waiting.length <= NEXT_LEASE_AT && this.#leases.size < MAX_LEASES;
    if (isShort && this.#asking === null && !this.#hasNoSecondLease) {
      this.#asking = this.#ask({ isSecond: true }).finally(() => {
        this.#asking = null;
      });
    }
  }

  async #ask({ isSecond = false } = {}) {
    await this.#responsesSent();
    const body = isSecond ? { after_lease_id: this.#lastLeaseId } : {};
    const reply = await call("POST", "/leases", { body });
    if (reply.status !== 200) {
      this.#trouble([401, 403].includes(reply.status) ? "signed_out" : "offline");
      return "trouble";
    }
    this.#trouble(null);
    const { lease } = reply.body;
    // No second lease now: ask again only once this one is used up.
    this.#hasNoSecondLease = isSecond && !lease;
    if (!lease) return "no_work";
    this.#add(lease);
    return "added";
  }

  #add(lease) {
    const total = lease.frames.length;
    const held = new Set([...this.#leases.values()].flatMap(({ open }) => [...open]));
    const fresh = lease.frames
      .map((frame, index) => ({
        frame,
        leaseId: lease.lease_id,
        expiresInS: lease.expires_in_s,
        clip: lease.clip,
        action: lease.action,
        number: index + 1,
        total,
        picture: null,
        isBroken: false,
        decoded: null,
      }))
      .filter(({ frame }) => !held.has(frame.frame_id) && !this.#responded.has(frame.frame_id));
    if (fresh.length === 0) return;
    this.#lastLeaseId = lease.lease_id;
    this.#hold(lease.lease_id, lease.expires_in_s, fresh.map((entry) => entry.frame.frame_id));
    this.#waiting.push(...fresh);
    for (const entry of this.#waiting.slice(0, DECODE_AHEAD)) this.#decode(entry);
  }

  #hold(leaseId, expiresInS, frameIds) {
    const lease = this.#leases.get(leaseId) ?? { expiresInS, open: new Set() };
    lease.renewAt = renewalTime(expiresInS);
    for (const frameId of frameIds) lease.open.add(frameId);
    this.#leases.set(leaseId, lease);
  }

  #drop(leaseId) {
    this.#leases.delete(leaseId);
    this.#waiting = this.#waiting.filter((entry) => entry.leaseId !== leaseId);
    this.#hasNoSecondLease = false;
  }

  #decode(entry) {
    entry.decoded ??= decodedPicture(entry.frame.image_url).then((picture) => {
      entry.picture = picture;
      entry.isBroken = picture === null;
    });
  }
}

/** A decoded <img>, or null where the server answers and the picture still cannot be shown. */
async function decodedPicture(url) {
  for (let tries = 0; tries < DECODE_TRIES; ) {
    const picture = new Image();
    picture.alt = "";
    picture.draggable = false;
    picture.src = url;
    try {
      await picture.decode();
      return picture;
    } catch {
      // Without a connection every picture fails: wait for it rather than call them broken.
      if (await isReachable()) tries += 1;
      await pause(RETRY_MS);
    }
  }
  return null;
}

async function isReachable() {
  const { status } = await call("GET", "/me");
  return status === 200;
}

function renewalTime(expiresInS) {
  return performance.now() + (expiresInS * 1000) / 3;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
