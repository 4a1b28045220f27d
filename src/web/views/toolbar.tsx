import { useRef, useState } from 'preact/hooks';
import type { VolumePolicy } from '../../wire/generated/api.ts';
import { formatPlace, nameOf, type PathPlace } from '../place.ts';
import { archiveOf } from '../listing.ts';
import { get } from '../server.ts';
import { type Chosen, chosenFiles } from '../upload/chosen.ts';
import type { Uploads } from '../upload/uploads.ts';
import type { Asked } from './asked.ts';
import { useLoaded } from './parts.tsx';

export function Toolbar(props: {
  readonly place: PathPlace;
  readonly uploads: Uploads;
  readonly mayChange: boolean;
  readonly filter: string;
  readonly onFilter: (text: string) => void;
  readonly onAsk: (asked: Asked) => void;
  readonly onFailure: (error: unknown) => void;
}) {
  const { place, uploads, mayChange, filter, onFilter, onAsk, onFailure } = props;
  const add = (choose: () => Chosen): void => {
    onFailure(undefined);
    const start = async (): Promise<void> => await uploads.add(place, choose());
    start().catch(onFailure);
  };
  return (
    <div class="toolbar">
      <input
        type="search"
        aria-label="Filter by name"
        placeholder="Filter by name"
        value={filter}
        onInput={(event) => onFilter(event.currentTarget.value)}
      />
      {mayChange && (
        <>
          <Chooser label="Upload files" isDirectory={false} onChosen={add} />
          <Chooser label="Upload directory" isDirectory onChosen={add} />
          <button type="button" onClick={() => onAsk({ kind: 'mkdir' })}>
            New directory
          </button>
        </>
      )}
      <a
        class="button"
        href={archiveOf(place)}
        download={`${nameOf(place.path) || place.volume}.zip`}
      >
        Download as zip
      </a>
      <a class="button" href={formatPlace({ ...place, view: 'history', at: undefined })}>
        History
      </a>
      <a class="button" href={formatPlace({ ...place, view: 'access', at: undefined })}>
        Access
      </a>
      <MomentPicker place={place} />
    </div>
  );
}

function Chooser(props: {
  readonly label: string;
  readonly isDirectory: boolean;
  readonly onChosen: (choose: () => Chosen) => void;
}) {
  const { label, isDirectory, onChosen } = props;
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        {...(isDirectory ? { webkitdirectory: true } : {})}
        onChange={(event) => {
          const { files } = event.currentTarget;
          onChosen(() => chosenFiles(files));
          // The same choice again is another one.
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

/** A moment of the past, in local time, or one that has a name. */
function MomentPicker({ place }: { readonly place: PathPlace }) {
  const [text, setText] = useState('');
  const { value } = useLoaded(
    async (signal) => await get<VolumePolicy>(`/api/v1/volumes/${place.volume}/policy`, { signal }),
    [place.volume],
  );
  const go = (at: string): void => {
    location.hash = formatPlace({ ...place, at });
  };
  const time = new Date(text);
  return (
    <span class="moment">
      {value !== undefined && value.snapshots.length > 0 && (
        <select
          aria-label="A snapshot"
          value={place.at ?? ''}
          onChange={(event) => go(event.currentTarget.value)}
        >
          <option value="" disabled>
            Snapshot…
          </option>
          {value.snapshots.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <span class="quiet">As it was at</span>
      <input
        type="datetime-local"
        aria-label="A moment of the past"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button
        type="button"
        disabled={Number.isNaN(time.getTime())}
        onClick={() => go(time.toISOString())}
      >
        Look
      </button>
    </span>
  );
}
