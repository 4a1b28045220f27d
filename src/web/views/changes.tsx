import type { Entry, NewShare } from '../../wire/generated/api.ts';
import { useState } from 'preact/hooks';
import { apiPath, below, nameOf, parentOf, type PathPlace, userPath } from '../place.ts';
import { archiveOf } from '../listing.ts';
import { change, get, RequestError } from '../server.ts';
import { formatTime, visibleName } from '../text.ts';
import { Dialog, textOf } from './parts.tsx';
import type { Asked } from './asked.ts';

const FILES = '/api/v1/files';

export function SelectionBar(props: {
  readonly place: PathPlace;
  readonly chosen: readonly Entry[];
  readonly mayChange: boolean;
  readonly onAsk: (asked: Asked) => void;
  readonly onClear: () => void;
}) {
  const { place, chosen, mayChange, onAsk, onClear } = props;
  const [entry, ...others] = chosen;
  const only = others.length === 0 ? entry : undefined;
  const button = (text: string, asked: Asked) => (
    <button type="button" onClick={() => onAsk(asked)}>
      {text}
    </button>
  );
  return (
    <div class="toolbar selection" role="group" aria-label="Selected">
      <strong>{chosen.length} selected</strong>
      {only?.kind === 'directory' && (
        <a class="button" href={archiveOf(below(place, only.name))} download={`${only.name}.zip`}>
          Download as zip
        </a>
      )}
      {mayChange && (
        <>
          {only !== undefined && button('Rename', { kind: 'rename', entry: only })}
          {button('Move', { kind: 'move', entries: chosen })}
          {button('Copy', { kind: 'copy', entries: chosen })}
          {button('Remove', { kind: 'remove', entries: chosen })}
        </>
      )}
      {place.at === undefined && only !== undefined && only.kind !== 'symlink' && (
        <>{button('Share', { kind: 'share', entry: only })}</>
      )}
      {place.at !== undefined &&
        only !== undefined &&
        button('Bring back', { kind: 'restore', path: below(place, only.name).path, at: place.at })}
      <button type="button" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}

interface ChangeProps {
  readonly place: PathPlace;
  readonly onClose: () => void;
  /** Something has changed. */
  readonly onDone: () => void;
}

export function ChangeDialog({ asked, ...props }: ChangeProps & { readonly asked: Asked }) {
  switch (asked.kind) {
    case 'mkdir':
      return <MakeDirectory {...props} />;
    case 'rename':
      return <Rename {...props} entry={asked.entry} />;
    case 'remove':
      return <Remove {...props} entries={asked.entries} />;
    case 'share':
      return <Share {...props} entry={asked.entry} />;
    case 'restore':
      return <Restore {...props} path={asked.path} at={asked.at} />;
    default:
      return <Transport {...props} kind={asked.kind} entries={asked.entries} />;
  }
}

function MakeDirectory({ place, onClose, onDone }: ChangeProps) {
  const make = async (form: FormData): Promise<void> => {
    const path = apiPath(below(place, nameFrom(form)));
    await change('POST', FILES, { json: { kind: 'directory', path } });
    onDone();
  };
  return (
    <Dialog title="New directory" action="Make" onAccept={make} onClose={onClose}>
      <NameField value="" />
    </Dialog>
  );
}

function Rename({ place, entry, onClose, onDone }: ChangeProps & { readonly entry: Entry }) {
  const rename = async (form: FormData): Promise<void> => {
    await moveTo(below(place, entry.name), below(place, nameFrom(form)), 'rename');
    onDone();
  };
  return (
    <Dialog title="Rename" action="Rename" onAccept={rename} onClose={onClose}>
      <NameField value={entry.name} />
    </Dialog>
  );
}

function NameField({ value }: { readonly value: string }) {
  return (
    <label>
      Name
      <input name="name" defaultValue={value} required autocomplete="off" autofocus />
    </label>
  );
}

function nameFrom(form: FormData): string {
  const name = textOf(form, 'name');
  if (name.includes('/')) throw new Error('a name has no "/"');
  return name;
}

/** Into another directory of the volume. */
function Transport(
  props: ChangeProps & { readonly kind: 'move' | 'copy'; readonly entries: readonly Entry[] },
) {
  const { place, kind, entries, onClose, onDone } = props;
  const transport = async (form: FormData): Promise<void> => {
    const path = textOf(form, 'path').replaceAll(/^\/+|\/+$/g, '');
    const target = { ...place, path };
    const entry = path === '' ? undefined : await statOf(target);
    if (path !== '' && entry?.kind !== 'directory') {
      throw new Error('there is no such directory');
    }
    for (const { name } of entries) {
      await moveTo(below(place, name), below(target, name), kind === 'move' ? 'rename' : 'copy');
    }
    onDone();
  };
  const title = kind === 'move' ? 'Move' : 'Copy';
  return (
    <Dialog
      title={`${title} ${countOf(entries)}`}
      action={title}
      onAccept={transport}
      onClose={onClose}
    >
      <label>
        Into the directory of {place.volume}
        <input name="path" defaultValue={place.path} autocomplete="off" autofocus />
        <small>empty for the top; no bytes move</small>
      </label>
    </Dialog>
  );
}

/** Throws Error if there is something already: a rename on the command line would replace it. */
async function moveTo(from: PathPlace, to: PathPlace, op: 'rename' | 'copy'): Promise<void> {
  if ((await statOf(to)) !== undefined) {
    throw new Error(`${visibleName(nameOf(to.path))} is there already`);
  }
  const more = op === 'copy' ? { recursive: true } : {};
  const json = { op, to: apiPath(to), ...more };
  await change('PATCH', FILES, { query: { path: apiPath(from) }, json });
}

async function statOf(place: PathPlace): Promise<Entry | undefined> {
  try {
    return await get<Entry>(FILES, { query: { path: apiPath(place) } });
  } catch (error) {
    if (error instanceof RequestError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function Remove(props: ChangeProps & { readonly entries: readonly Entry[] }) {
  const { place, entries, onClose, onDone } = props;
  const remove = async (): Promise<void> => {
    for (const { name, etag } of entries) {
      const headers: Record<string, string> = etag === undefined ? {} : { 'If-Match': `"${etag}"` };
      const query = { path: apiPath(below(place, name)), recursive: true };
      await change('DELETE', FILES, { query, headers });
    }
    onDone();
  };
  const directories = entries.filter(({ kind }) => kind === 'directory').length;
  return (
    <Dialog
      title={`Remove ${countOf(entries)}?`}
      action="Remove"
      isDangerous
      onAccept={remove}
      onClose={onClose}
    >
      <ul class="names">
        {entries.slice(0, 5).map(({ name }) => (
          <li key={name}>{visibleName(name)}</li>
        ))}
        {entries.length > 5 && <li>and {entries.length - 5} more</li>}
      </ul>
      {directories > 0 && <p>Directories go with everything that is in them.</p>}
      <p class="quiet">It can be brought back from the history as long as that is kept.</p>
    </Dialog>
  );
}

function countOf(entries: readonly Entry[]): string {
  const [entry] = entries;
  if (entries.length === 1 && entry !== undefined) return visibleName(entry.name);
  return `${entries.length} things`;
}

function Restore(props: ChangeProps & { readonly path: string; readonly at: string }) {
  const { place, path, at, onClose, onDone } = props;
  const restore = async (): Promise<void> => {
    const query = { path: apiPath({ ...place, path }) };
    await change('PATCH', FILES, { query, json: { op: 'restore', at } });
    onDone();
    const parent = { ...place, view: 'files', path: parentOf(path), at: undefined } as const;
    location.hash = `#/files/${[parent.volume, ...parent.path.split('/').filter(Boolean)].map(encodeURIComponent).join('/')}`;
  };
  const name = visibleName(nameOf(path) || place.volume);
  return (
    <Dialog title={`Bring back ${name}?`} action="Bring back" onAccept={restore} onClose={onClose}>
      <p>
        <code>{visibleName(userPath({ ...place, path }))}</code> becomes again what it was at{' '}
        {/^\d+$/.test(at) ? `state ${at}` : at}. What is there now is replaced, and stays in the
        history.
      </p>
    </Dialog>
  );
}

const DAY_MS = 24 * 3600 * 1000;

function Share({ place, entry, onClose }: ChangeProps & { readonly entry: Entry }) {
  const [made, setMade] = useState<NewShare>();
  const path = apiPath(below(place, entry.name));
  const share = async (form: FormData): Promise<void> => {
    const lifeMs = Number(textOf(form, 'days')) * DAY_MS;
    setMade(await change<NewShare>('POST', '/api/v1/shares', { json: { path, lifeMs } }));
  };
  if (made !== undefined) return <MadeShare share={made} onClose={onClose} />;
  return (
    <Dialog
      title={`Share ${visibleName(entry.name)}`}
      action="Make a link"
      onAccept={share}
      onClose={() => undefined}
    >
      <p>Whoever has the link may read it, without a certificate, until it ends.</p>
      <label>
        Days
        <input name="days" type="number" min="1" max="365" defaultValue="7" required autofocus />
      </label>
    </Dialog>
  );
}

function MadeShare({ share, onClose }: { readonly share: NewShare; readonly onClose: () => void }) {
  const url = new URL(share.url, location.origin).href;
  const copy = async (): Promise<void> => await navigator.clipboard.writeText(url);
  return (
    <Dialog title="The link" action="Copy" onAccept={copy} onClose={onClose}>
      <p>It is shown this once. It works until {formatTime(share.expiresMs)}.</p>
      <input
        class="link"
        readOnly
        value={url}
        aria-label="Link"
        onFocus={(event) => event.currentTarget.select()}
      />
    </Dialog>
  );
}
