// How values are shown to people. The same rules as in the terminal.

const UNITS = ["KB", "MB", "GB", "TB", "PB", "EB"];

/** `999 B`, `1.50 KB`, `12.3 MB`: decimal units, three digits. */
export function bytes(count) {
  if (!(count >= 0)) return "–";
  if (count < 999.5) return `${Math.round(count)} B`;
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit + 1 < UNITS.length) {
    value /= 1000;
    unit += 1;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond) => `${bytes(bytesPerSecond)}/s`;

/** A rate for a dense table: nothing moving is a quiet dash. */
export const rateOrDash = (bytesPerSecond) => (bytesPerSecond > 0 ? rate(bytesPerSecond) : "–");

/** A round axis label: `20 MB/s`, without needless digits. */
export function axisRate(bytesPerSecond) {
  return rate(bytesPerSecond).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
}

// Control characters, and those that reorder or hide their neighbours.
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** A name with every character that could mislead shown as its escape. */
export function visible(text) {
  return text.replace(HARMFUL, (character) => {
    const code = character.codePointAt(0);
    const short = { 9: "\\t", 10: "\\n", 13: "\\r" }[code];
    return short ?? `\\u{${code.toString(16)}}`;
  });
}

/** A process name; unknown and empty ones are said in words. */
export const processName = (name) => (name ? visible(name) : "(no name)");

/** An application as it is headed: of a path, what comes last. */
export const appName = (app) => processName(/^\/(?:.*\/)?([^/]+)$/su.exec(app ?? "")?.[1] ?? app);

export const clock = (date, seconds = true) =>
  date.toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: seconds ? "2-digit" : undefined,
    hourCycle: "h23",
  });

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function endpoint(ip, port) {
  if (ip === null || ip === undefined) return "other";
  // ICMP has no ports.
  if (port === null || port === undefined || port === 0) return visible(String(ip));
  return String(ip).includes(":") ? `[${visible(ip)}]:${port}` : `${visible(ip)}:${port}`;
}

/** A time, with its date where that is needed. */
export const moment = (date, withDate) =>
  withDate ? `${day(date)} ${clock(date, false)}` : clock(date);

/** `3 Oct`; in another year than this `3 Oct 2025`. */
export const day = (date, now = new Date()) =>
  date.toLocaleDateString([], {
    day: "numeric",
    month: "short",
    year: date.getFullYear() === now.getFullYear() ? undefined : "numeric",
  });

/** How a number changed: `+12 %`, `−5 %`, `×3.2`, `new`; empty where there is nothing to say. */
export function delta(now, before) {
  if (now === before) return now === 0 ? "" : "±0 %";
  if (before === 0) return "new";
  const factor = now / before;
  if (factor >= 10) return `×${factor >= 100 ? Math.round(factor).toLocaleString("en") : factor.toFixed(1)}`;
  const percent = Math.round((factor - 1) * 100);
  return percent === 0 ? "±0 %" : `${percent > 0 ? "+" : "−"}${Math.abs(percent)} %`;
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** `3 d 4 h`, `2 h 5 min`, `12 s`. */
export function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const start = units.findIndex(([, size]) => seconds >= size);
  if (start < 0) return "0 s";
  let rest = Math.floor(seconds);
  const words = units.slice(start, start + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count} ${unit}` : "";
  });
  return words.filter(Boolean).join(" ");
}
