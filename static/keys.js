/** The keys of the page: one table, to which each part adds its own. */

export class Keys {
  #table = new Map();
  #view;

  constructor(view) {
    this.#view = view;
    document.addEventListener("keydown", (event) => this.#down(event));
    document.addEventListener("keyup", (event) => this.#up(event));
  }

  /**
   * Bind a key; letters stand for both cases.
   * @param key as KeyboardEvent.key has it: "z", " ", "ArrowLeft".
   * @param act called with the event as the key goes down, the page's own handling of it done.
   * @param options {repeats: also for the repeats of a held key; alt: also with Alt held;
   *   released: called as the key comes up}
   */
  bind(key, act, { repeats = false, alt = false, released = null } = {}) {
    this.#table.set(key, { act, repeats, alt, released });
  }

  #down(event) {
    const isOnButton = event.target instanceof HTMLButtonElement;
    // The browser would press the button again for every repeat of a key that is held down.
    if (event.repeat && isOnButton && event.key === "Enter") event.preventDefault();
    if (event.ctrlKey || event.metaKey || this.#view.hasDialog()) return;
    const bound = this.#bound(event);
    if (!bound || (event.altKey && !bound.alt) || (event.repeat && !bound.repeats)) return;
    if (isOnButton && (event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    bound.act(event);
  }

  #up(event) {
    this.#bound(event)?.released?.(event);
  }

  #bound(event) {
    return this.#table.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  }
}
