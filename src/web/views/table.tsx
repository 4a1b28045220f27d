import { useEffect, useRef, useState } from 'preact/hooks';
import type { Entry } from '../../wire/generated/api.ts';
import { below, formatPlace, type PathPlace } from '../place.ts';
import { type Order, shownRows, SORT_KEYS } from '../rows.ts';
import { formatBytes, formatTime, visibleName } from '../text.ts';
import { Name } from './parts.tsx';

/** As the style sheet has it. */
const ROW_PIXELS = 34;
/** Of them, those that narrow windows show, too. */
const COLUMNS_ALWAYS = 3;
const TITLES = { name: 'Name', size: 'Size', mtimeUs: 'Changed', author: 'By' };
const KINDS = { directory: 'directory', file: 'file', symlink: 'link' };

interface TableProps {
  readonly place: PathPlace;
  readonly rows: readonly Entry[];
  /** Is it known what there is? */
  readonly isLoaded: boolean;
  readonly order: Order;
  /** Names. */
  readonly selected: ReadonlySet<string>;
  readonly onOrder: (order: Order) => void;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onShow: (name: string) => void;
  readonly onRemove: (entry: Entry) => void;
}

/** Of however many rows those that are in sight are in the document. */
export function Table(props: TableProps) {
  const { rows, isLoaded, order, selected, onOrder, onSelect } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const look = (): void => {
    const { scrollTop: top = 0, clientHeight: height = 800 } = box.current ?? {};
    setView((before) =>
      before.top === top && before.height === height ? before : { top, height },
    );
  };
  useEffect(() => {
    look();
    addEventListener('resize', look);
    return () => removeEventListener('resize', look);
  }, []);
  const { first, end } = shownRows(rows.length, { ...view, rowHeight: ROW_PIXELS });
  const isAll = rows.length > 0 && rows.every(({ name }) => selected.has(name));
  const sort = (by: Order['by']): void =>
    onOrder({ by, isDescending: order.by === by && !order.isDescending });
  return (
    <div
      class="scroll"
      ref={box}
      onScroll={look}
      onKeyDown={(event) => moveFocus(event, box.current)}
    >
      <table class="entries" aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" class="check">
              <input
                type="checkbox"
                aria-label="Select all"
                checked={isAll}
                onChange={() => onSelect(new Set(isAll ? [] : rows.map(({ name }) => name)))}
              />
            </th>
            {SORT_KEYS.map((by) => (
              <th key={by} scope="col" class={by} aria-sort={sortOf(order, by)}>
                <button type="button" onClick={() => sort(by)}>
                  {TITLES[by]}
                  <span aria-hidden="true">
                    {order.by === by ? (order.isDescending ? ' ↓' : ' ↑') : ''}
                  </span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space rows={first} />
          {rows.slice(first, end).map((entry, index) => (
            <EntryRow key={entry.name} {...props} entry={entry} index={first + index} />
          ))}
          <Space rows={rows.length - end} />
        </tbody>
      </table>
      {rows.length === 0 && isLoaded && <p class="quiet center">Nothing here.</p>}
    </div>
  );
}

function sortOf(order: Order, by: Order['by']): 'ascending' | 'descending' | 'none' {
  if (order.by !== by) return 'none';
  return order.isDescending ? 'descending' : 'ascending';
}

/** In the place of rows that are out of sight. */
function Space({ rows }: { readonly rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true">
      <td colSpan={COLUMNS_ALWAYS} class="space" style={{ height: `${rows * ROW_PIXELS}px` }} />
    </tr>
  );
}

function EntryRow(props: TableProps & { readonly entry: Entry; readonly index: number }) {
  const { entry, index, place, selected, onSelect, onShow, onRemove } = props;
  const { name, kind, size, mtimeUs, author } = entry;
  const isSelected = selected.has(name);
  const toggle = (): void => {
    const next = new Set(selected);
    if (!next.delete(name)) next.add(name);
    onSelect(next);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Delete') onRemove(entry);
    else if (event.key === ' ' && (event.target as Element).matches('.open')) {
      event.preventDefault();
      toggle();
    }
  };
  return (
    <tr aria-rowindex={index + 2} class={isSelected ? 'selected' : ''} onKeyDown={key}>
      <td class="check">
        <input
          type="checkbox"
          aria-label={`Select ${visibleName(name)}`}
          checked={isSelected}
          onChange={toggle}
        />
      </td>
      <th scope="row" class="name">
        <Icon kind={kind} />
        <span class="hidden">{KINDS[kind]} </span>
        {kind === 'directory' ? (
          <a class="open" title={visibleName(name)} href={formatPlace(below(place, name))}>
            <Name>{name}</Name>
          </a>
        ) : (
          <button type="button" class="open" title={visibleName(name)} onClick={() => onShow(name)}>
            <Name>{name}</Name>
          </button>
        )}
      </th>
      <td class="size">{kind === 'file' ? formatBytes(size) : ''}</td>
      <td class="mtimeUs">{formatTime(mtimeUs / 1000)}</td>
      <td class="author">{author}</td>
    </tr>
  );
}

const SHAPES = {
  directory: 'M1.5 3.5h4l1.5 2h7.5v7h-13z',
  file: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3',
  symlink: 'M3.5 12.5v-5h7m-3-3 3 3-3 3',
};

function Icon({ kind }: { readonly kind: Entry['kind'] }) {
  return (
    <svg class={`icon ${kind}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[kind]} />
    </svg>
  );
}

/** Up and down, from name to name. */
function moveFocus(event: KeyboardEvent, box: HTMLElement | null): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = document.activeElement?.closest('tr');
  if (step === undefined || box === null || row === null || row === undefined) return;
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const target = next?.querySelector<HTMLElement>('.open');
  if (target === null || target === undefined) return;
  event.preventDefault();
  target.focus();
}
