// What is on the screen as a CSV file. Any process may call itself `=HYPERLINK(...)`: no text is
// such that a spreadsheet takes it for a formula, or a terminal for a command.

import { h } from "./dom.js";
import { visible } from "./format.js";

const FORMULA = /^[=+\-@\t\r]/u;

/** The same rule as that of `nettally report --csv`. */
export const inert = (text) => (FORMULA.test(text) ? `'${visible(text)}` : visible(text));

function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = inert(value);
  return /[",\n\r]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `rows` are objects; each of `columns` is the name of a value in them. */
export function csv(columns, rows) {
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(","));
  return `${[columns.join(","), ...lines].join("\r\n")}\r\n`;
}

/** Hands a file to the browser. */
export function download(name, columns, rows) {
  const file = new Blob([csv(columns, rows)], { type: "text/csv;charset=utf-8" });
  const url = URL.createObjectURL(file);
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  h("a", { href: url, download: `nettally-${name}-${stamp}.csv` }).click();
  // The browser reads it in its own time.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
