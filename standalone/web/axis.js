// Which times are named below a chart. No elements here.

import { clock, day } from "./format.js";

const MINUTE = 60_000;
const DAY = 1440;

/** Minutes between two names, the shortest that leaves each its room. */
const GAPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY];

/** At most `room` times between `since` and `until` (ms): `{ time, words }`. */
export function axisTimes(since, until, room) {
  const minutes = GAPS.find((gap) => (until - since) / MINUTE / gap <= room) ?? GAPS.at(-1);
  const gap = minutes * MINUTE;
  // Round times of the day are round here, not in UTC; in a night when clocks change, half of them.
  const offset = new Date(since).getTimezoneOffset() * MINUTE;
  const named = [];
  for (let time = Math.ceil((since - offset) / gap) * gap + offset; time <= until; time += gap) {
    const date = new Date(time);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
    const words = minutes >= DAY || (isMidnight && until - since > DAY * MINUTE) ? day(date) : clock(date, false);
    named.push({ time, words });
  }
  return named;
}
