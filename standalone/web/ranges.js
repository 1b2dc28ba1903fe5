// Spans of the past, and the one before each. Days begin where this browser is. No elements here.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** `date` moved by days or months of the calendar; the time of day stays. */
function moved(date, { days = 0, months = 0 }) {
  const to = new Date(date);
  to.setDate(to.getDate() + days);
  if (months === 0) return to;
  // The 31st of a month that has none is its last day.
  const day = to.getDate();
  to.setDate(1);
  to.setMonth(to.getMonth() + months);
  const last = new Date(to.getFullYear(), to.getMonth() + 1, 0).getDate();
  to.setDate(Math.min(day, last));
  return to;
}

const monday = (date) => moved(midnight(date), { days: -((date.getDay() + 6) % 7) });
const first = (date) => new Date(date.getFullYear(), date.getMonth(), 1);

/** Each with its words, where it begins and ends, and how far back the one before it is. */
const PRESETS = {
  hour: { words: "Last hour", of: (now) => [new Date(now - HOUR), now], before: "the hour before" },
  today: { words: "Today", of: (now) => [midnight(now), now], back: { days: -1 }, before: "yesterday until then" },
  yesterday: {
    words: "Yesterday",
    of: (now) => [moved(midnight(now), { days: -1 }), midnight(now)],
    back: { days: -1 },
    before: "the day before",
  },
  week: { words: "This week", of: (now) => [monday(now), now], back: { days: -7 }, before: "last week until then" },
  month: { words: "This month", of: (now) => [first(now), now], back: { months: -1 }, before: "last month until then" },
};

export const PRESET_NAMES = Object.keys(PRESETS);

export const presetWords = (name) => PRESETS[name].words;

/**
 * What parameters mean: `{ preset, words, since, until, before: { since, until, words } }`. `since`
 * and `until` are in RFC 3339; without them it is a preset.
 */
export function rangeOf(given, now) {
  const [from, to] = [Date.parse(given.get("since") ?? ""), Date.parse(given.get("until") ?? "")];
  if (from < to) {
    const before = { since: new Date(2 * from - to), until: new Date(from), words: "the same time before" };
    return { preset: null, words: "Chosen time", since: new Date(from), until: new Date(to), before };
  }
  const preset = Object.hasOwn(PRESETS, given.get("range") ?? "") ? given.get("range") : "hour";
  const { words, of, back, before } = PRESETS[preset];
  const [since, until] = of(now);
  const earlier = back
    ? { since: moved(since, back), until: moved(until, back) }
    : { since: new Date(2 * since - until), until: since };
  return { preset, words, since, until, before: { ...earlier, words: before } };
}

/** Whether the times of a span need their date: all but those of today do. */
export const hasDates = (since, until, now = new Date()) =>
  until - since > DAY || midnight(new Date(since)) < midnight(now) || midnight(new Date(until - 1)) > midnight(now);

/** What `input type=datetime-local` takes. */
export function localText(date) {
  const shifted = new Date(date - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
