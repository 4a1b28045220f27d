import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Entry, Volume } from '../../wire/generated/api.ts';
import { type Directory, listDirectory } from '../listing.ts';
import { apiPath, formatPlace, type PathPlace } from '../place.ts';
import { arrange, type Order } from '../rows.ts';
import { get } from '../server.ts';
import { formatCount } from '../text.ts';
import { droppedFiles } from '../upload/chosen.ts';
import type { Uploads } from '../upload/uploads.ts';
import type { Asked } from './asked.ts';
import { ChangeDialog, SelectionBar } from './changes.tsx';
import { Details } from './details.tsx';
import { Failure, Name, useLoaded } from './parts.tsx';
import { Table } from './table.tsx';
import { Toolbar } from './toolbar.tsx';

/** What is in a directory, and what can be done with it. */
export function FilesView(props: {
  readonly place: PathPlace;
  readonly uploads: Uploads;
  readonly changed: EventTarget;
}) {
  const { place, uploads, changed } = props;
  const { directory, error, isWhole, reload } = useDirectory(place, changed);
  const volume = useLoaded(
    async (signal) => await get<Volume>(`/api/v1/volumes/${place.volume}`, { signal }),
    [place.volume],
  ).value;
  const sight = useSight(directory);
  const { filter, setFilter, rows, setSelected } = sight;
  const [asked, setAsked] = useState<Asked>();
  const [failure, setFailure] = useState<unknown>();
  const mayChange =
    place.at === undefined && volume?.custody !== 'client' && volume?.access !== 'read';
  const drop = async (data: DataTransfer | null): Promise<void> => {
    setFailure(undefined);
    try {
      if (data !== null) await uploads.add(place, await droppedFiles(data.items));
    } catch (cause) {
      setFailure(cause);
    }
  };
  const done = (): void => {
    setSelected(new Set());
    reload();
  };
  return (
    <DropTarget isOpen={mayChange} onDrop={(data) => void drop(data)}>
      <h1 class="hidden">Files</h1>
      <Breadcrumbs place={place} />
      <Toolbar
        {...{ place, uploads, mayChange, filter }}
        onFilter={setFilter}
        onAsk={setAsked}
        onFailure={setFailure}
      />
      {place.at !== undefined && <PastNotice place={place} />}
      {volume?.custody === 'client' && (
        <p class="notice">
          This volume is signed by its owner, on the command line. Here it can be read.
        </p>
      )}
      <Failure error={error ?? failure} />
      <Browser
        {...{ place, mayChange, sight }}
        isLoaded={directory !== undefined}
        onAsk={setAsked}
      />
      <p class="quiet status" role="status">
        {statusOf(directory, { isWhole, shown: rows.length, filter })}
      </p>
      {asked !== undefined && (
        <ChangeDialog {...{ place, asked }} onClose={() => setAsked(undefined)} onDone={done} />
      )}
    </DropTarget>
  );
}

function Browser(props: {
  readonly place: PathPlace;
  readonly mayChange: boolean;
  readonly sight: ReturnType<typeof useSight>;
  readonly isLoaded: boolean;
  readonly onAsk: (asked: Asked) => void;
}) {
  const { place, mayChange, sight, isLoaded, onAsk } = props;
  const { order, setOrder, rows, selected, setSelected, chosen, detail, setShown } = sight;
  return (
    <>
      {chosen.length > 0 && (
        <SelectionBar
          {...{ place, chosen, mayChange, onAsk }}
          onClear={() => setSelected(new Set())}
        />
      )}
      <div class={detail === undefined ? 'browser' : 'browser with-details'}>
        <Table
          {...{ place, rows, isLoaded, order, selected }}
          onOrder={setOrder}
          onSelect={setSelected}
          onShow={setShown}
          onRemove={(entry) => mayChange && onAsk({ kind: 'remove', entries: [entry] })}
        />
        {detail !== undefined && (
          <Details
            key={`${detail.node}-${detail.seq}`}
            {...{ place, mayChange, onAsk }}
            entry={detail}
            onClose={() => setShown(undefined)}
          />
        )}
      </div>
    </>
  );
}

/** What of it is looked at: which names, in which order, which of them are selected, of which one all is told. */
function useSight(directory: Directory | undefined) {
  const [filter, setFilter] = useState('');
  const [order, setOrder] = useState<Order>({ by: 'name', isDescending: false });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<string>();
  const entries = directory?.entries ?? NOTHING;
  const rows = useMemo(() => arrange(entries, filter, order), [entries, filter, order]);
  const byName = useMemo(() => new Map(entries.map((entry) => [entry.name, entry])), [entries]);
  const chosen = [...selected].flatMap((name) => byName.get(name) ?? []);
  const detail = shown === undefined ? undefined : byName.get(shown);
  return {
    filter,
    setFilter,
    order,
    setOrder,
    rows,
    selected,
    setSelected,
    chosen,
    detail,
    setShown,
  };
}

const NOTHING: readonly Entry[] = [];

function statusOf(
  directory: Directory | undefined,
  { isWhole, shown, filter }: { isWhole: boolean; shown: number; filter: string },
): string {
  if (directory === undefined) return 'Loading…';
  const count = directory.entries.length;
  const all = directory.hasMore
    ? `the first ${formatCount(count)} names; "gdpfs ls" shows the others`
    : `${formatCount(count)} ${count === 1 ? 'name' : 'names'}`;
  const part = filter === '' ? all : `${formatCount(shown)} of ${all}`;
  return `${part}${isWhole ? '' : ', loading more…'} · state ${directory.seq} of the volume`;
}

function useDirectory(place: PathPlace, changed: EventTarget) {
  const [directory, setDirectory] = useState<Directory>();
  const [isWhole, setWhole] = useState(false);
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  const reload = (): void => setRound((before) => before + 1);
  useEffect(() => {
    const cancel = new AbortController();
    setWhole(false);
    listDirectory(
      place,
      (found) => {
        if (!cancel.signal.aborted) setDirectory(found);
      },
      cancel.signal,
    ).then(
      () => {
        setWhole(true);
        setError(undefined);
      },
      (failure: unknown) => {
        if (!cancel.signal.aborted) setError(failure);
      },
    );
    return () => cancel.abort();
  }, [formatPlace(place), round]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const below = `${apiPath(place)}/`;
    const look = (event: Event): void => {
      if (!String((event as CustomEvent).detail).startsWith(below)) return;
      // One look for many files that arrive together.
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, 500);
    };
    changed.addEventListener('change', look);
    return () => {
      clearTimeout(timer);
      changed.removeEventListener('change', look);
    };
  }, [formatPlace(place), changed]);
  return { directory, error, isWhole, reload };
}

function Breadcrumbs({ place }: { readonly place: PathPlace }) {
  const names = place.path === '' ? [] : place.path.split('/');
  const at = (count: number): PathPlace => ({ ...place, path: names.slice(0, count).join('/') });
  return (
    <nav class="crumbs" aria-label="Path">
      <ol>
        <li>
          <a href="#/volumes">Volumes</a>
        </li>
        {['', ...names].map((name, index) => (
          <li key={index}>
            <a
              href={formatPlace(at(index))}
              aria-current={index === names.length ? 'page' : undefined}
            >
              {index === 0 ? place.volume : <Name>{name}</Name>}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function PastNotice({ place }: { readonly place: PathPlace }) {
  return (
    <p class="notice" role="status">
      This is the volume as it was at{' '}
      {/^\d+$/.test(place.at ?? '') ? `state ${place.at}` : place.at}. Nothing can be changed here,
      but things can be brought back.{' '}
      <a href={formatPlace({ ...place, at: undefined })}>Back to now</a>
    </p>
  );
}

function DropTarget(props: {
  readonly isOpen: boolean;
  readonly onDrop: (data: DataTransfer | null) => void;
  readonly children: ComponentChildren;
}) {
  const { isOpen, onDrop, children } = props;
  const [isOver, setOver] = useState(false);
  const over = (event: DragEvent): void => {
    // Also where nothing may be dropped: the browser would leave the page for the file.
    event.preventDefault();
    setOver(isOpen);
  };
  return (
    <section
      class={isOver ? 'files over' : 'files'}
      onDragOver={over}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (isOpen) onDrop(event.dataTransfer);
      }}
    >
      {children}
    </section>
  );
}
