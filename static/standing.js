/** What stands on the page beside the frame: progress, saved or not, trouble, waiting, the end. */

/** A shorter time says nothing that helps. */
const PACE_WORTH_TELLING_MS = 1000;
const SIGN_IN_HELPS = new Set(["signed_out", "someone_else"]);

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
    const { flow, view, outbox, history, tally } = this.#page;
    view.showProgress({ entry: flow.entry, given: tally.given + outbox.answers });
    this.#showBatch();
    const isWaiting = flow.phase === "loading";
    const trouble = outbox.trouble ?? (isWaiting ? this.#queueTrouble : null);
    if (outbox.isOpen) this.#showUnsent(trouble);
    if (isWaiting && flow.isWaitShown) this.#showWaiting(trouble);
    if (flow.phase === "done") this.#showDone();
    if (flow.phase === "paused") this.#showPaused();
    if (flow.phase !== "shown") view.showLast(history.newest);
  }

  #showUnsent(trouble) {
    const { flow, view, outbox, tally, t } = this.#page;
    const n = outbox.size;
    document.body.dataset.unsent = n;
    view.showSaved(n === 0, outbox.trouble === null);
    if (trouble !== null && n > 0) {
      const kept = t(outbox.isDurable ? "kept_device" : "kept_page", { n });
      view.saySteadily(t(trouble, { kept }), { isWarning: true, link: this.#signIn(trouble) });
    } else if (tally.finishUrl !== null) {
      const link = { href: tally.finishUrl, words: t("finish") };
      view.saySteadily(t("share_done", { n: tally.batch.size }), { link });
    } else {
      view.saySteadily(tally.isBreakDue && flow.entry ? t("take_a_break") : "");
    }
  }

  /** A link to signing in where that helps; where the answers outlive the page, it may go. */
  #signIn(trouble) {
    const { outbox, t } = this.#page;
    if (!SIGN_IN_HELPS.has(trouble)) return null;
    return { href: "/sign-in", words: t("sign_in"), isNewTab: !outbox.isDurable };
  }

  #showBatch() {
    const { view, tally, t } = this.#page;
    const { size, done, minutesLeft } = tally.batch;
    const left = minutesLeft === null ? "" : t("batch_left", { n: minutesLeft });
    view.showBatch({ size, done, words: `${t("batch", { done, size })}${left}` });
  }

  #showWaiting(trouble) {
    const { view, outbox, t } = this.#page;
    if (trouble !== null && trouble !== "failing") {
      view.showPanel({ text: t(`waiting_${trouble}`), link: this.#signIn(trouble) });
    } else if (document.body.dataset.frame) {
      view.showPanel({ text: t("waiting") });
    } else {
      view.showPanel({ text: outbox.size > 0 ? t("sending", { n: outbox.size }) : t("loading") });
    }
  }

  #showPaused() {
    const { flow, view, t } = this.#page;
    view.showPanel({ title: t("paused_title"), text: flow.message ?? "", mayLookAgain: true });
  }

  #showDone() {
    const { view, tally, t } = this.#page;
    const pace = tally.medianMs;
    const hasPace = pace !== null && pace >= PACE_WORTH_TELLING_MS;
    const seconds = new Intl.NumberFormat(document.documentElement.lang, {
      maximumFractionDigits: 1,
    }).format(pace / 1000);
    const finishUrl = tally.finishEarlyUrl;
    view.showPanel({
      title: t("done_title"),
      link: finishUrl && { href: finishUrl, words: t("finish") },
      text: t("done_text", { n: tally.given }),
      hint: hasPace ? `${t("done_pace", { seconds })} ${t("done_hint")}` : t("done_hint"),
      mayLookAgain: true,
    });
  }
}
