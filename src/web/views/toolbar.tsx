import { useRef, useState } from 'preact/hooks';
import { formatPlace, nameOf, type PathPlace } from '../place.ts';
import { archiveOf } from '../listing.ts';
import { type Chosen, chosenFiles } from '../upload/chosen.ts';
import type { Uploads } from '../upload/uploads.ts';
import type { Asked } from './asked.ts';

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

/** A moment of the past, in local time. */
function MomentPicker({ place }: { readonly place: PathPlace }) {
  const [text, setText] = useState('');
  const go = (): void => {
    const time = new Date(text);
    if (Number.isNaN(time.getTime())) return;
    location.hash = formatPlace({ ...place, at: time.toISOString() });
  };
  return (
    <span class="moment">
      <span class="quiet">As it was at</span>
      <input
        type="datetime-local"
        step="1"
        aria-label="A moment of the past"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="button" disabled={text === ''} onClick={go}>
        Look
      </button>
    </span>
  );
}
