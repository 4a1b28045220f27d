import { useState } from 'preact/hooks';
import type { Snapshot, VolumePolicy } from '../../wire/generated/api.ts';
import { formatPlace, type PathPlace } from '../place.ts';
import { change, get } from '../server.ts';
import { formatCount, formatTime } from '../text.ts';
import { Dialog, Failure, textOf, useLoaded } from './parts.tsx';

/** What the policy of a volume says as "for good". */
const FOR_GOOD_DAYS = 2 ** 32 - 1;

/** States of the volume that have names, and how long the others are kept. */
export function Snapshots({
  place,
  mayChange,
}: {
  readonly place: PathPlace;
  readonly mayChange: boolean;
}) {
  const url = `/api/v1/volumes/${place.volume}/policy`;
  const { value, error, reload } = useLoaded(
    async (signal) => await get<VolumePolicy>(url, { signal }),
    [url],
  );
  const [isNaming, setNaming] = useState(false);
  const [forgotten, setForgotten] = useState<Snapshot>();
  const post = async (json: object): Promise<void> => {
    await change('POST', url, { json });
    reload();
  };
  if (value === undefined) return <Failure error={error} />;
  const { historyDays: days, snapshots } = value;
  return (
    <div class="snapshots">
      <p class="quiet">
        The past of this volume is kept{' '}
        {days === FOR_GOOD_DAYS ? 'for good' : `for ${formatCount(days)} days`}
        {snapshots.length > 0 && ', and these states as long as they have a name'}.{' '}
        {mayChange && (
          <button type="button" class="small" onClick={() => setNaming(true)}>
            Name the state of now
          </button>
        )}
      </p>
      <SnapshotList {...{ place, snapshots, mayChange }} onForget={setForgotten} />
      {isNaming && (
        <Dialog
          title="Name the state of now"
          action="Name"
          onAccept={async (form) => await post({ op: 'snapshot', name: textOf(form, 'name') })}
          onClose={() => setNaming(false)}
        >
          <label>
            Name
            <input
              name="name"
              required
              pattern="[a-z][a-z0-9._\-]{0,63}"
              autocomplete="off"
              autofocus
            />
            <small>a letter, and up to 63 more of a-z, 0-9, ., _ and -</small>
          </label>
        </Dialog>
      )}
      {forgotten !== undefined && (
        <Dialog
          title={`Forget ${forgotten.name}?`}
          action="Forget"
          isDangerous
          onAccept={async () => await post({ op: 'forget', name: forgotten.name })}
          onClose={() => setForgotten(undefined)}
        >
          <p>The state is then kept only as long as others of its age.</p>
        </Dialog>
      )}
    </div>
  );
}

function SnapshotList(props: {
  readonly place: PathPlace;
  readonly snapshots: readonly Snapshot[];
  readonly mayChange: boolean;
  readonly onForget: (snapshot: Snapshot) => void;
}) {
  const { place, snapshots, mayChange, onForget } = props;
  return (
    <ul>
      {snapshots.map((each) => (
        <li key={each.name}>
          <a href={formatPlace({ view: 'files', volume: place.volume, path: '', at: each.name })}>
            {each.name}
          </a>{' '}
          <span class="quiet">
            state {each.seq}, named {formatTime(each.createdMs)}
          </span>{' '}
          {mayChange && (
            <button type="button" class="small" onClick={() => onForget(each)}>
              Forget {each.name}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
