/** What stands on the page beside the frame: progress, saved or not, trouble, waiting, the end. */

export class Standing {
  #page;
  #queueTrouble = null;

  /** @param page {flow, view, outbox, history, tally, t} */
  constructor(page) {
    this.#page = page;
    page.flow.on("phase", (phase) => {
      if (phase !== "answered" && phase !== "undoing") this.refresh();
    });
  }

  /** Say why no frames come: "offline", "signed_out" or null. */
  set queueTrouble(trouble) {
    this.#queueTrouble = trouble;
    this.refresh();
  }

  refresh() {
    const { flow, view, outbox, history, tally, t } = this.#page;
    document.body.dataset.unsent = outbox.size;
    view.showProgress({ entry: flow.entry, given: tally.given + outbox.answers });
    view.showSaved(outbox.size === 0, outbox.trouble === null);
    const isWaiting = flow.phase === "loading";
    const trouble = outbox.trouble ?? (isWaiting ? this.#queueTrouble : null);
    view.saySteadily(trouble && outbox.size > 0 ? t(trouble, { n: outbox.size }) : "");
    if (isWaiting && flow.isWaitShown) this.#showWaiting(trouble);
    if (flow.phase === "done") this.#showDone();
    if (flow.phase !== "shown") view.showLast(history.newest);
  }

  #showWaiting(trouble) {
    const { view, t } = this.#page;
    const calm = document.body.dataset.frame ? "waiting" : "loading";
    view.showPanel({ text: t(trouble === null ? calm : `waiting_${trouble}`) });
  }

  #showDone() {
    const { view, tally, t } = this.#page;
    view.showPanel({
      title: t("done_title"),
      text: t("done_text", { n: tally.given }),
      hint: t("done_hint"),
      isDone: true,
    });
  }
}
