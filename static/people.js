/**
 * Buttons that show what stands in a password field, and forms that are sent once. Without this
 * script the buttons stay hidden, and the server takes a form that is sent twice for one.
 */

for (const button of document.querySelectorAll("button[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shows = field.type === "password";
    field.type = shows ? "text" : "password";
    button.setAttribute("aria-pressed", String(shows));
    field.focus();
  });
}

for (const form of document.querySelectorAll("form.start")) {
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", () => {
    button.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    button.disabled = false; // the browser's Back may show this page as it was left
  });
}
