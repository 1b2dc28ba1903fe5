// Tables whose rows stay where they are and change in place, so that focus and hover survive; and
// heads that sort.

/** Puts `entries` in this order into `body`. `made(entry)` makes a row: `{ element, draw(entry) }`. */
export function place(body, rows, entries, made) {
  const keys = new Set(entries.map(({ key }) => key));
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    row.element.remove();
    rows.delete(key);
  }
  entries.forEach((entry, index) => {
    let row = rows.get(entry.key);
    if (!row) {
      row = made(entry);
      rows.set(entry.key, row);
    }
    row.draw(entry);
    if (body.children[index] !== row.element) body.insertBefore(row.element, body.children[index] ?? null);
  });
}

export class Sorting {
  /** `columns`: of each head its `key` of an entry and whether it falls at first. */
  constructor(table, columns, column, onChange) {
    this.columns = columns;
    this.heads = [...table.tHead.querySelectorAll("th[data-sort]")];
    this.column = column;
    this.descending = columns[column].descending;
    for (const head of this.heads) {
      head.querySelector("button").addEventListener("click", () => {
        const { sort } = head.dataset;
        this.descending = sort === this.column ? !this.descending : columns[sort].descending;
        this.column = sort;
        this.show();
        onChange();
      });
    }
    this.show();
  }

  show() {
    for (const head of this.heads) {
      const direction = this.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", head.dataset.sort === this.column ? direction : "none");
    }
  }

  sorted(entries) {
    const { key } = this.columns[this.column];
    const sign = this.descending ? -1 : 1;
    return [...entries].sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      if (left === right) return a.key < b.key ? -1 : 1;
      return left < right ? -sign : sign;
    });
  }
}
