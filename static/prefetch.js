/**
 * The frames that come next: leases, their heartbeat, and pictures decoded before they are needed.
 *
 * An *entry* is one leased frame: {frame, leaseId, clip, action, nearby, number, total, picture},
 * where `nearby` are the frames of its lease, `picture` is a decoded <img> once it is ready, and
 * `isBroken` says that it never will be.
 */

import { call, releaseLater } from "./api.js";

const DECODE_AHEAD = 4;
const NEXT_LEASE_AT = 6;
/** The server gives nobody more than two. */
const MAX_LEASES = 2;
const DECODE_TRIES = 3;
const RETRY_MS = 1000;
/** All that is offered are frames whose responses the server fails to store. */
const STUCK_RETRY_MS = 5000;

export class FrameQueue {
  #waiting = [];
  #leases = new Map(); // lease id -> {expiresInS, renewAt, open: frame ids without a response}
  #responded = new Set();
  #asking = null;
  #isAsking = false; // a request for a lease is on its way
  #lastLeaseId = null;
  #hasNoSecondLease = false;
  #nothing = null; // {reason, message} of the server when it had no lease to give
  #responsesSent;
  #trouble;

  /**
   * @param responsesSent gives a promise that resolves when the server has every response so far
   *   that it can take: asked for work before that, it would offer those frames again.
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

  /**
   * Wait for the next entry, its picture decoded or known to be broken.
   * @returns {Promise<object>} {entry}, or {reason, message} where there is none for this person:
   *   reason "no_work", "paused" or "to_qualify", message one line of the server's or null.
   */
  async take() {
    while (this.#waiting.length === 0) {
      if (this.#asking !== null) await this.#asking;
      else if ((await this.#ask()) === "nothing") return this.#nothing;
      if (this.#waiting.length === 0) await pause(RETRY_MS);
    }
    const entry = this.#waiting.shift();
    this.#prepare();
    await this.#decode(entry);
    return { entry };
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
    this.#waiting = this.#waiting.filter(({ frame }) => frame.frame_id !== entry.frame.frame_id);
  }

  /** Note that a response was refused for good: the frame may be offered again. */
  refused(entry) {
    this.#responded.delete(entry.frame.frame_id);
  }

  /**
   * Make a frame whose response was taken back answerable again, under the lease it now has.
   * @returns {Promise<object>} the entry to show.
   */
  async reopen(entry, lease = null) {
    this.#responded.delete(entry.frame.frame_id);
    const again = { ...entry };
    if (lease !== null) Object.assign(again, { leaseId: lease.lease_id, frame: lease.frames[0] });
    this.#hold(again.leaseId, lease?.expires_in_s ?? entry.expiresInS, [again.frame.frame_id]);
    again.nearby ??= [again.frame]; // an entry from before a reload
    if (!again.picture) await this.#decode(again);
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
    for (const leaseId of this.#leases.keys()) releaseLater(leaseId, false);
    // Nobody will read the reply to what is being asked for now.
    if (this.#isAsking && this.#lastLeaseId !== null) releaseLater(this.#lastLeaseId, true);
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

  /** Ask for a lease; returns "added", "nothing" or "trouble". */
  async #ask({ isSecond = false } = {}) {
    await this.#responsesSent();
    let after = isSecond ? this.#lastLeaseId : null;
    for (let tries = 0; tries < 2; tries += 1) {
      const body = after === null ? {} : { after_lease_id: after };
      this.#isAsking = true;
      const reply = await call("POST", "/leases", { body });
      this.#isAsking = false;
      if (reply.status !== 200) {
        this.#trouble([401, 403].includes(reply.status) ? "signed_out" : "offline");
        return "trouble";
      }
      this.#trouble(null);
      const { lease, reason, message } = reply.body;
      // No second lease now: ask again only once this one is used up.
      this.#hasNoSecondLease = isSecond && !lease;
      if (!lease) {
        this.#nothing = { reason, message };
        return "nothing";
      }
      if (this.#add(lease)) return "added";
      after = lease.lease_id; // its frames have responses that the server fails to store
    }
    await pause(STUCK_RETRY_MS);
    return "trouble";
  }

  /** Queue the frames of a lease that have no response; false where there are none. */
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
        nearby: lease.frames,
        number: index + 1,
        total,
        picture: null,
        isBroken: false,
        decoded: null,
      }))
      .filter(({ frame }) => !held.has(frame.frame_id) && !this.#responded.has(frame.frame_id));
    if (fresh.length === 0) return false;
    this.#lastLeaseId = lease.lease_id;
    this.#hold(lease.lease_id, lease.expires_in_s, fresh.map((entry) => entry.frame.frame_id));
    this.#waiting.push(...fresh);
    for (const entry of this.#waiting.slice(0, DECODE_AHEAD)) this.#decode(entry);
    return true;
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

  /** Resolve when an entry's picture is decoded, or known to be broken. */
  #decode(entry) {
    entry.decoded ??= decodedPicture(entry.frame.image_url).then((picture) => {
      entry.picture = picture;
      entry.isBroken = picture === null;
    });
    return entry.decoded;
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
