// Which colour a series has: it stays for as long as the series is among the largest.

export const COLOURS = 7;

export class Colours {
  slots = new Map();

  /** Forgets the series that are not among `keys`. */
  keep(keys) {
    this.keys = new Set(keys);
    for (const key of this.slots.keys()) {
      if (!this.keys.has(key)) this.slots.delete(key);
    }
  }

  of(key) {
    if (!this.slots.has(key)) {
      const used = new Set(this.slots.values());
      this.slots.set(key, [...Array(COLOURS).keys()].find((slot) => !used.has(slot)) ?? 0);
    }
    return this.slots.get(key);
  }
}
