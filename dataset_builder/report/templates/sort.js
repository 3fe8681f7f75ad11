"use strict";
// Sorts a table by the column whose heading is pressed; without script the tables stay as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const text = row.cells[column].textContent.trim().replaceAll(",", "");
    return text === "–" ? -1 : text === "" || isNaN(text) ? text : Number(text);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") !== "descending" && column > 0;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const body = table.tBodies[0];
      const order = (a, b) => {
        const [x, y] = [key(a, column), key(b, column)];
        const sign = typeof x === "string" ? x.localeCompare(y) : x - y;
        return falls ? -sign : sign;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
for (const hint of document.querySelectorAll(".scripted")) hint.hidden = false;
