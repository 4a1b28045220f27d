import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Whoami } from '../wire/generated/api.ts';
import { nameOf, parsePlace, type Place } from './place.ts';
import { get, RequestError } from './server.ts';
import { visibleName } from './text.ts';
import { messageOf, Uploads } from './upload/uploads.ts';
import { AccessView } from './views/access.tsx';
import { FilesView } from './views/files.tsx';
import { Header } from './views/header.tsx';
import { HistoryView } from './views/history.tsx';
import { PeopleView } from './views/people.tsx';
import { SharesView } from './views/shares.tsx';
import { TransfersPanel } from './views/transfers.tsx';
import { VolumesView } from './views/volumes.tsx';
import { Welcome } from './views/welcome.tsx';

/** Told of each path that an upload has changed. */
const changed = new EventTarget();
const uploads = new Uploads((path) => {
  changed.dispatchEvent(new CustomEvent('change', { detail: path }));
});

function Page() {
  const place = usePlace();
  const [who, setWho] = useState<Whoami>();
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    get<Whoami>('/api/v1/whoami').then(setWho, setFailure);
  }, []);
  useEffect(() => {
    document.title = titleOf(place);
  }, [place]);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent): void => {
      if (uploads.totals.isBusy) event.preventDefault();
    };
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, []);
  if (failure !== undefined) {
    const code = failure instanceof RequestError ? failure.code : undefined;
    return <Welcome code={code} message={messageOf(failure)} />;
  }
  if (who === undefined) return <p class="quiet center">Asking the server who you are…</p>;
  return (
    <>
      <Header who={who} place={place} />
      <main id="main">
        <View place={place} who={who} />
      </main>
      <TransfersPanel uploads={uploads} />
    </>
  );
}

function View({ place, who }: { readonly place: Place; readonly who: Whoami }) {
  switch (place.view) {
    case 'files':
      return (
        <FilesView
          key={`${place.volume}/${place.path}@${place.at ?? ''}`}
          place={place}
          uploads={uploads}
          changed={changed}
        />
      );
    case 'history':
      return <HistoryView key={`${place.volume}/${place.path}`} place={place} />;
    case 'access':
      return <AccessView key={`${place.volume}/${place.path}`} place={place} />;
    case 'shares':
      return <SharesView />;
    case 'people':
      return <PeopleView who={who} />;
    default:
      return <VolumesView who={who} />;
  }
}

function titleOf(place: Place): string {
  if (!('path' in place)) return 'gdpfs';
  return `${visibleName(nameOf(place.path) || place.volume)} · gdpfs`;
}

function usePlace(): Place {
  const [place, setPlace] = useState(() => parsePlace(location.hash));
  useEffect(() => {
    const follow = (): void => setPlace(parsePlace(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}

const root = document.getElementById('page');
if (root !== null) render(<Page />, root);
