/**
 * Every sentence of the annotation page, in English and German.
 *
 * `{name}` stands for a value. A key with `_one` and `_other` is chosen by the number `n`. The same
 * keys stand in every table (tested).
 */

export const STRINGS = {
  en: {
    prompt_lead: "Click the centre of:",
    frame_label:
      "Frame of the video. Arrow keys move the cross-hair, Enter answers, N means not visible.",
    loading: "Getting your frames …",
    waiting: "Waiting for the next frame …",
    waiting_offline: "No connection. The next frame comes as soon as it is back.",
    waiting_signed_out: "You are signed out. Sign in again and the work goes on.",
    waiting_someone_else: "Somebody else is signed in in this browser.",
    broken_title: "This picture does not load",
    broken_text: "Press S to skip it, with “Broken picture” as the reason.",
    done_title: "Thank you. That was everything for now.",
    done_text_one: "You have given {n} answer.",
    done_text_other: "You have given {n} answers.",
    done_hint: "No frame is waiting for you. New ones appear when more videos are added.",
    look_again: "Look again",
    position: "Frame {number} of {total}",
    given_one: "{n} answer",
    given_other: "{n} answers",
    saved: "Saved",
    saving: "Saving …",
    kept_device_one: "{n} answer kept on this device",
    kept_device_other: "{n} answers kept on this device",
    kept_page_one: "{n} answer kept on this page only, please leave it open",
    kept_page_other: "{n} answers kept on this page only, please leave it open",
    offline: "Offline: {kept}",
    failing: "The server has trouble: {kept}. Sent again by itself.",
    signed_out: "Signed out: {kept}.",
    someone_else: "Somebody else is signed in here: {kept}.",
    sign_in: "Sign in",
    sending_one: "Sending {n} answer that was kept on this device …",
    sending_other: "Sending {n} answers that were kept on this device …",
    paused_title: "No frames for you just now",
    not_visible: "Not visible",
    skip: "Skip",
    undo: "Undo",
    help: "Help",
    last_answer: "Your last answer",
    was_not_visible: "Your answer was: not visible",
    was_skipped: "You had skipped this frame",
    was_point: "Your answer was at the pale dot",
    same_place: "Same place again? Click once more.",
    not_visible_again: "Not visible again? Press once more.",
    crosshair_first: "Arrow keys move the cross-hair, Enter answers.",
    no_hint: "This frame has no suggestion.",
    cancelled: "Not counted.",
    nothing_to_undo: "Nothing to undo.",
    undo_expired: "Too late to undo: answers can be taken back for a minute.",
    undo_offline: "No connection: undo once it is back.",
    undone_before: "That answer was taken back before. Its frame comes again.",
    frame_taken: "That frame was already complete. On to the next one.",
    late_one: "That frame was already complete, so your answer was not needed.",
    late_other: "{n} of your answers were not needed: their frames were already complete.",
    not_accepted: "The server did not take that answer ({status}). You may see the frame again.",
    skip_title: "Why skip this frame?",
    cannot_tell: "I cannot tell",
    wrong_action: "The phrase does not fit this video",
    broken_image: "Broken picture",
    other: "Something else",
    comment_label: "What is it? (optional)",
    send_skip: "Skip this frame",
    cancel: "Cancel",
    close: "Close",
    help_title: "How it works",
    help_task:
      "You see one frame of a video and the name of an action. Click the point where that action " +
      "happens: the middle of the hands and things that are part of it.",
    help_not_visible:
      "If you cannot see the action in the frame, press Not visible. That is a good answer.",
    help_next:
      "Each click is one answer and brings the next frame. Slide off the picture or press " +
      "Escape before letting go, and nothing is counted.",
    help_hint: "A dashed ring is a suggestion. It can be wrong: click where you see the action.",
    help_keys: "Keys",
    key_click: "Click",
    key_enter: "Enter",
    key_arrows: "Arrows",
    key_backspace: "Backspace",
    keys_point: "answer with a point",
    keys_arrows: "move the cross-hair (with Shift: further)",
    keys_not_visible: "not visible",
    keys_skip: "skip, with a reason",
    keys_undo: "take the last answer back (one minute, ten answers)",
    keys_hint: "take the suggestion",
    keys_help: "this help",
    sign_out: "Sign out",
  },
  de: {
    prompt_lead: "Klicken Sie auf die Mitte von:",
    frame_label:
      "Bild aus dem Video. Pfeiltasten bewegen das Fadenkreuz, Eingabe antwortet, N heißt " +
      "nicht sichtbar.",
    loading: "Ihre Bilder werden geholt …",
    waiting: "Das nächste Bild kommt gleich …",
    waiting_offline: "Keine Verbindung. Das nächste Bild kommt, sobald sie wieder da ist.",
    waiting_signed_out: "Sie sind abgemeldet. Nach dem Anmelden geht es weiter.",
    waiting_someone_else: "In diesem Browser ist jemand anderes angemeldet.",
    broken_title: "Dieses Bild lässt sich nicht laden",
    broken_text: "Mit S überspringen, Grund: „Bild ist kaputt“.",
    done_title: "Vielen Dank. Das war vorerst alles.",
    done_text_one: "Sie haben {n} Antwort gegeben.",
    done_text_other: "Sie haben {n} Antworten gegeben.",
    done_hint: "Es wartet kein Bild auf Sie. Neue kommen, wenn weitere Videos dazukommen.",
    look_again: "Noch einmal nachsehen",
    position: "Bild {number} von {total}",
    given_one: "{n} Antwort",
    given_other: "{n} Antworten",
    saved: "Gespeichert",
    saving: "Wird gespeichert …",
    kept_device_one: "{n} Antwort bleibt auf diesem Gerät",
    kept_device_other: "{n} Antworten bleiben auf diesem Gerät",
    kept_page_one: "{n} Antwort bleibt nur auf dieser Seite, bitte offen lassen",
    kept_page_other: "{n} Antworten bleiben nur auf dieser Seite, bitte offen lassen",
    offline: "Offline: {kept}",
    failing: "Der Server hat Schwierigkeiten: {kept}. Es wird von selbst noch einmal gesendet.",
    signed_out: "Abgemeldet: {kept}.",
    someone_else: "Hier ist jemand anderes angemeldet: {kept}.",
    sign_in: "Anmelden",
    sending_one: "{n} Antwort, die auf diesem Gerät geblieben war, wird gesendet …",
    sending_other: "{n} Antworten, die auf diesem Gerät geblieben waren, werden gesendet …",
    paused_title: "Gerade gibt es keine Bilder für Sie",
    not_visible: "Nicht sichtbar",
    skip: "Auslassen",
    undo: "Zurück",
    help: "Hilfe",
    last_answer: "Ihre letzte Antwort",
    was_not_visible: "Ihre Antwort war: nicht sichtbar",
    was_skipped: "Sie hatten dieses Bild ausgelassen",
    was_point: "Ihre Antwort war beim blassen Punkt",
    same_place: "Wieder dieselbe Stelle? Noch einmal klicken.",
    not_visible_again: "Wieder nicht sichtbar? Noch einmal drücken.",
    crosshair_first: "Pfeiltasten bewegen das Fadenkreuz, Eingabe antwortet.",
    no_hint: "Für dieses Bild gibt es keinen Vorschlag.",
    cancelled: "Nicht gezählt.",
    nothing_to_undo: "Es gibt nichts zurückzunehmen.",
    undo_expired: "Zu spät: Antworten lassen sich eine Minute lang zurücknehmen.",
    undo_offline: "Keine Verbindung: zurücknehmen geht, sobald sie wieder da ist.",
    undone_before: "Diese Antwort war schon zurückgenommen. Das Bild kommt noch einmal.",
    frame_taken: "Dieses Bild war schon fertig. Weiter mit dem nächsten.",
    late_one: "Dieses Bild war schon fertig, Ihre Antwort wurde nicht mehr gebraucht.",
    late_other: "{n} Ihrer Antworten wurden nicht mehr gebraucht: die Bilder waren schon fertig.",
    not_accepted:
      "Der Server hat die Antwort nicht angenommen ({status}). Das Bild kommt vielleicht wieder.",
    skip_title: "Warum auslassen?",
    cannot_tell: "Ich kann es nicht sagen",
    wrong_action: "Die Beschreibung passt nicht zum Video",
    broken_image: "Bild ist kaputt",
    other: "Etwas anderes",
    comment_label: "Was ist es? (freiwillig)",
    send_skip: "Bild auslassen",
    cancel: "Abbrechen",
    close: "Schließen",
    help_title: "So geht es",
    help_task:
      "Sie sehen ein Bild aus einem Video und den Namen einer Handlung. Klicken Sie dorthin, wo " +
      "diese Handlung geschieht: in die Mitte der Hände und Dinge, die dazugehören.",
    help_not_visible:
      "Ist die Handlung auf dem Bild nicht zu sehen, drücken Sie Nicht sichtbar. Das ist eine " +
      "gute Antwort.",
    help_next:
      "Jeder Klick ist eine Antwort und bringt das nächste Bild. Vor dem Loslassen vom Bild " +
      "gleiten oder Escape drücken, und nichts wird gezählt.",
    help_hint:
      "Ein gestrichelter Ring ist ein Vorschlag. Er kann falsch sein: klicken Sie dorthin, wo " +
      "Sie die Handlung sehen.",
    help_keys: "Tasten",
    key_click: "Klick",
    key_enter: "Eingabe",
    key_arrows: "Pfeile",
    key_backspace: "Rücktaste",
    keys_point: "mit einem Punkt antworten",
    keys_arrows: "das Fadenkreuz bewegen (mit Umschalt: weiter)",
    keys_not_visible: "nicht sichtbar",
    keys_skip: "auslassen, mit Grund",
    keys_undo: "die letzte Antwort zurücknehmen (eine Minute, zehn Antworten)",
    keys_hint: "den Vorschlag übernehmen",
    keys_help: "diese Hilfe",
    sign_out: "Abmelden",
  },
};

/** The table to use: the first wanted language (such as "de-AT") that there is, else English. */
export function chosenLanguage(wanted) {
  const found = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in STRINGS);
  return found ?? "en";
}

/** A function (key, values) -> text in one language. */
export function translator(language) {
  const table = STRINGS[language];
  const plural = new Intl.PluralRules(language);
  return (key, values = {}) => {
    const isCounted = `${key}_other` in table;
    const text = table[isCounted ? `${key}_${plural.select(values.n)}` : key];
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  };
}
