/**
 * What a browser keeps of somebody's responses: IndexedDB behind a few promises.
 *
 * A record is one response, {key, owner, page, kind, frameId, path, body, entry, givenAt, isSent}:
 * unsent ones wait for the server, sent ones are there so that undo works across a reload. Each
 * store sees its owner's records alone: somebody else at the same browser has their own.
 *
 * Without IndexedDB (some private windows, storage switched off) nothing outlives the page:
 * `isDurable` is false then, and the page has to say so.
 */

const NAME = "annotations";
const VERSION = 1;
const RESPONSES = "responses";
/** Some browsers leave a database opening for ever instead of refusing. */
const OPENING_MS = 3000;

/** @returns {Promise<DeviceStore | MemoryStore>} the store of one person; never fails. */
export async function openStore(owner) {
  try {
    return new DeviceStore(await openDatabase(), owner);
  } catch {
    return new MemoryStore();
  }
}

class DeviceStore {
  #database;
  #owner;

  constructor(database, owner) {
    this.isDurable = true;
    this.#database = database;
    this.#owner = owner;
    // Another page brings a newer form of the database, or somebody clears the browser's data.
    database.onversionchange = () => database.close();
  }

  /** Resolve once the record is on the device; rejects where it could not be written. */
  put(record) {
    return this.#write((responses) => responses.put(record));
  }

  delete(key) {
    return this.#write((responses) => responses.delete(key));
  }

  /** Every record of the owner, oldest first. */
  async all() {
    const transaction = this.#database.transaction(RESPONSES, "readonly");
    const found = await replyTo(this.#ownRecords(transaction.objectStore(RESPONSES)));
    return found.sort(byTime);
  }

  /** The record as it is now, or undefined. */
  get(key) {
    const transaction = this.#database.transaction(RESPONSES, "readonly");
    return replyTo(transaction.objectStore(RESPONSES).get(key));
  }

  /**
   * Take over the unsent records of pages that are no more, in one transaction.
   * @param page the id of the page that takes them over.
   * @param livePages a Set of the ids of the other pages that still stand open.
   */
  async adopt(page, livePages) {
    let orphans = [];
    await this.#write((responses) => {
      const request = this.#ownRecords(responses);
      request.onsuccess = () => {
        const isOrphan = (record) =>
          !record.isSent && record.page !== page && !livePages.has(record.page);
        orphans = request.result.filter(isOrphan).map((record) => ({ ...record, page }));
        for (const record of orphans) responses.put(record);
      };
      return null;
    });
    return orphans.sort(byTime);
  }

  #ownRecords(responses) {
    return responses.index("owner").getAll(this.#owner);
  }

  #write(act) {
    return new Promise((resolve, reject) => {
      // "strict": on the disk, so that a power cut takes nothing that was called kept.
      const options = { durability: "strict" };
      const transaction = this.#database.transaction(RESPONSES, "readwrite", options);
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      // Committed at once, a write that was begun is finished although the page closes.
      if (act(transaction.objectStore(RESPONSES)) !== null) transaction.commit?.();
    });
  }
}

class MemoryStore {
  isDurable = false;

  async put() {}

  async delete() {}

  async all() {
    return [];
  }

  async get() {
    return undefined;
  }

  async adopt() {
    return [];
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("the database does not open")), OPENING_MS);
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const responses = request.result.createObjectStore(RESPONSES, { keyPath: "key" });
      responses.createIndex("owner", "owner");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function replyTo(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function byTime(a, b) {
  return a.givenAt - b.givenAt;
}
