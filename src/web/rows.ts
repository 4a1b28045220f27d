import type { Entry } from '../wire/generated/api.ts';

/** Of an entry what a listing shows. */
export type Row = Pick<Entry, 'name' | 'kind' | 'size' | 'mtimeUs' | 'author'>;

export const SORT_KEYS = ['name', 'size', 'mtimeUs', 'author'] as const;

export interface Order {
  readonly by: (typeof SORT_KEYS)[number];
  readonly isDescending: boolean;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Those with the text in their name, whatever its case, in this order, directories first. */
export function arrange<R extends Row>(rows: readonly R[], text: string, order: Order): R[] {
  const wanted = text.toLowerCase();
  const found =
    wanted === '' ? [...rows] : rows.filter(({ name }) => name.toLowerCase().includes(wanted));
  const sign = order.isDescending ? -1 : 1;
  return found.sort((one, other) => {
    const byKind = Number(other.kind === 'directory') - Number(one.kind === 'directory');
    return byKind || sign * compare(one, other, order.by) || collator.compare(one.name, other.name);
  });
}

function compare(one: Row, other: Row, by: Order['by']): number {
  if (by === 'name' || by === 'author') return collator.compare(one[by], other[by]);
  return one[by] - other[by];
}

/** The rows that a window shows, and a few around it. */
export interface Shown {
  readonly first: number;
  readonly end: number;
}

const ROWS_AROUND = 12;

/** Of `count` rows of the same height, scrolled down by `top`. */
export function shownRows(
  count: number,
  view: { readonly top: number; readonly height: number; readonly rowHeight: number },
): Shown {
  const { top, height, rowHeight } = view;
  const first = Math.max(0, Math.floor(top / rowHeight) - ROWS_AROUND);
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + ROWS_AROUND);
  return { first: Math.min(first, Math.max(0, end)), end: Math.max(end, 0) };
}
