import { useEffect, useState } from 'preact/hooks';
import { LIMITS } from '../../base/limits.ts';
import { formatBytes, formatCount, visibleName } from '../text.ts';
import type { Transfer, Uploads } from '../upload/uploads.ts';

/** What is sent from this page, at its lower edge. */
export function TransfersPanel({ uploads }: { readonly uploads: Uploads }) {
  const [, setRound] = useState(0);
  const [isOpen, setOpen] = useState(true);
  useEffect(() => uploads.subscribe(() => setRound((before) => before + 1)), [uploads]);
  const { files, ended, failed, bytes, done, sent, isBusy } = uploads.totals;
  if (files === 0) return null;
  const all = uploads.transfers;
  // What needs somebody, then what moves, then the rest.
  const rank = ({ state }: Transfer): number => ['failed', 'running', 'waiting'].indexOf(state);
  const shown = all
    .toSorted((one, other) => ((rank(one) + 4) % 4) - ((rank(other) + 4) % 4))
    .slice(0, LIMITS.pageTransfersShownMax);
  const conflicts = all.filter(({ isConflict }) => isConflict === true);
  return (
    <section class="transfers" aria-label="Uploads">
      <div class="toolbar">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? '▾' : '▸'} Uploads
        </button>
        <span role="status">
          {formatCount(ended)} of {formatCount(files)} files, {formatBytes(done)} of{' '}
          {formatBytes(bytes)}, {formatBytes(sent)} sent
          {failed > 0 && <strong class="failure"> {formatCount(failed)} not done</strong>}
        </span>
        <progress max={Math.max(1, bytes)} value={done} aria-label="All uploads" />
        {conflicts.length > 1 && (
          <button
            type="button"
            onClick={() => conflicts.forEach(({ id }) => uploads.retry(id, { mayReplace: true }))}
          >
            Replace all {formatCount(conflicts.length)}
          </button>
        )}
        {isBusy ? (
          <button type="button" onClick={() => uploads.cancelAll()}>
            Cancel all
          </button>
        ) : (
          <button type="button" onClick={() => uploads.clear()}>
            Clear
          </button>
        )}
      </div>
      {isOpen && (
        <ul>
          {shown.map((transfer) => (
            <Row key={transfer.id} transfer={transfer} uploads={uploads} />
          ))}
        </ul>
      )}
    </section>
  );
}

const STATES = {
  waiting: 'waits',
  running: '',
  done: '✓ stored and checked',
  same: '✓ was there already',
  failed: '',
  cancelled: 'cancelled',
};

function Row({ transfer, uploads }: { readonly transfer: Transfer; readonly uploads: Uploads }) {
  const { id, path, state, file, done, failure, isConflict = false } = transfer;
  const name = visibleName(path);
  return (
    <li class={state}>
      <span class="path">{name}</span>
      {state === 'running' && (
        <progress max={Math.max(1, file.size)} value={done} aria-label={name} />
      )}
      <span class={state === 'failed' ? 'failure' : 'quiet'}>{failure ?? STATES[state]}</span>
      {(state === 'running' || state === 'waiting') && (
        <button type="button" class="small" onClick={() => uploads.cancel(id)}>
          Cancel
        </button>
      )}
      {(state === 'failed' || state === 'cancelled') && (
        <button
          type="button"
          class="small"
          onClick={() => uploads.retry(id, { mayReplace: isConflict })}
        >
          {isConflict ? 'Replace' : 'Go on'}
        </button>
      )}
    </li>
  );
}
