import { useState } from 'preact/hooks';
import type { ChangePage, Volume, VolumeChange } from '../../wire/generated/api.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatPlace, parentOf, type PathPlace, userPath } from '../place.ts';
import { get } from '../server.ts';
import { formatBytes, formatTime, visibleName } from '../text.ts';
import type { Asked } from './asked.ts';
import { ChangeDialog } from './changes.tsx';
import { ACTIONS, ListTable } from './list-table.tsx';
import { Failure, Name, useLoaded } from './parts.tsx';
import { Snapshots } from './snapshots.tsx';

interface History {
  /** The newest first. */
  readonly changes: readonly VolumeChange[];
  /** Records before this one have not been looked at. */
  readonly from: number;
  readonly volume: Volume;
}

/** Who changed what at a path and below it, and the way back. */
export function HistoryView({ place }: { readonly place: PathPlace }) {
  const [windows, setWindows] = useState(1);
  const [asked, setAsked] = useState<Asked>();
  const { value, error, reload } = useLoaded(
    async (signal) => await readHistory(place, windows, signal),
    [formatPlace(place), windows],
  );
  const mayRestore = value !== undefined && value.volume.custody !== 'client';
  return (
    <section>
      <div class="toolbar">
        <h1>
          History of <Name>{userPath(place)}</Name>
        </h1>
        <a
          class="button"
          href={formatPlace({ ...place, view: 'files', path: parentOf(place.path) })}
        >
          Back to the directory
        </a>
      </div>
      <Failure error={error} />
      {value === undefined ? (
        <p class="quiet">Loading…</p>
      ) : (
        <>
          <Snapshots place={place} mayChange={mayRestore && value.volume.access === 'admin'} />
          <ChangeTable {...{ place, mayRestore }} changes={value.changes} onAsk={setAsked} />
          <p class="quiet" role="status">
            {value.changes.length === 0 && 'No change found. '}
            {value.from === 0
              ? 'That is all, to the beginning of the volume.'
              : `Records from ${value.from} on were looked through.`}{' '}
            This is the server's word; <code>gdpfs log</code> proves that each line was signed.
          </p>
          {value.from > 0 && (
            <button type="button" onClick={() => setWindows(windows + 1)}>
              Look further back
            </button>
          )}
        </>
      )}
      {asked !== undefined && (
        <ChangeDialog {...{ place, asked }} onClose={() => setAsked(undefined)} onDone={reload} />
      )}
    </section>
  );
}

async function readHistory(
  place: PathPlace,
  windows: number,
  signal: AbortSignal,
): Promise<History> {
  const url = `/api/v1/volumes/${place.volume}`;
  const volume = await get<Volume>(url, { signal });
  const from = Math.max(0, volume.count - windows * LIMITS.pageHistoryRecords);
  const path = place.path === '' ? undefined : place.path;
  const changes: VolumeChange[] = [];
  for (let next = from; next < volume.count; ) {
    const query = { path, from: next, limit: 1000 };
    const page = await get<ChangePage>(`${url}/changes`, { query, signal });
    changes.push(...page.changes);
    if (page.next <= next) break;
    ({ next } = page);
  }
  return { changes: changes.reverse().map(insideVolume), from, volume };
}

/** Their paths begin with the volume. */
function insideVolume(each: VolumeChange): VolumeChange {
  const inside = (path: string): string => path.split('/').slice(2).join('/');
  const { path, from } = each;
  return { ...each, path: inside(path), ...(from === undefined ? {} : { from: inside(from) }) };
}

const VERBS = { created: 'made', changed: 'changed', moved: 'moved', removed: 'removed' };

function ChangeTable(props: {
  readonly place: PathPlace;
  readonly changes: readonly VolumeChange[];
  readonly mayRestore: boolean;
  readonly onAsk: (asked: Asked) => void;
}) {
  const { place, changes, mayRestore, onAsk } = props;
  return (
    <ListTable columns={['When', 'Who', 'What', 'Size', ACTIONS]}>
      {changes.map((each) => (
        <tr key={each.seq}>
          <td class="short">{formatTime(each.timeMs)}</td>
          <td class="short">{each.author}</td>
          <td>
            {VERBS[each.change]} {each.path === '' ? 'the top' : <Name>{each.path}</Name>}
            {each.from !== undefined && (
              <span class="quiet">
                {' '}
                from <Name>{each.from}</Name>
              </span>
            )}
          </td>
          <td class="short number">{each.size === undefined ? '' : formatBytes(each.size)}</td>
          <td class="buttons">
            <PastButtons {...{ place, each, mayRestore, onAsk }} />
          </td>
        </tr>
      ))}
    </ListTable>
  );
}

/** After a removal there is nothing to see: then the state before it. */
function PastButtons(props: {
  readonly place: PathPlace;
  readonly each: VolumeChange;
  readonly mayRestore: boolean;
  readonly onAsk: (asked: Asked) => void;
}) {
  const { place, each, mayRestore, onAsk } = props;
  const at = String(each.change === 'removed' ? each.seq - 1 : each.seq);
  const directory = each.kind === 'directory' ? each.path : parentOf(each.path);
  const label = `${visibleName(each.path)} at ${formatTime(each.timeMs)}`;
  return (
    <>
      <a
        class="button small"
        aria-label={`Look at ${label}`}
        href={formatPlace({ view: 'files', volume: place.volume, path: directory, at })}
      >
        Look
      </a>
      {mayRestore && (
        <button
          type="button"
          class="small"
          aria-label={`Bring back ${label}`}
          onClick={() => onAsk({ kind: 'restore', path: each.path, at })}
        >
          Bring back
        </button>
      )}
    </>
  );
}
