import { useState } from 'preact/hooks';
import type { Volume, VolumeList, Whoami } from '../../wire/generated/api.ts';
import { formatPlace } from '../place.ts';
import { change, get } from '../server.ts';
import { formatBytes, formatCount, formatTime } from '../text.ts';
import { ListTable } from './list-table.tsx';
import { Dialog, Failure, textOf, useLoaded } from './parts.tsx';

export function VolumesView({ who }: { readonly who: Whoami }) {
  const { value, error, reload } = useLoaded(
    async (signal) => await get<VolumeList>('/api/v1/volumes', { signal }),
    [],
  );
  const [isCreating, setCreating] = useState(false);
  const [limited, setLimited] = useState<Volume>();
  const isAdmin = who.role === 'admin';
  return (
    <section>
      <div class="toolbar">
        <h1>Volumes</h1>
        {isAdmin && (
          <button type="button" onClick={() => setCreating(true)}>
            New volume
          </button>
        )}
      </div>
      <Failure error={error} />
      {value?.volumes.length === 0 && <p class="quiet">There is none that you may read.</p>}
      {value !== undefined && value.volumes.length > 0 && (
        <VolumeTable volumes={value.volumes} onLimit={isAdmin ? setLimited : undefined} />
      )}
      {isCreating && <CreateDialog onClose={() => setCreating(false)} onDone={reload} />}
      {limited !== undefined && (
        <QuotaDialog volume={limited} onClose={() => setLimited(undefined)} onDone={reload} />
      )}
    </section>
  );
}

function VolumeTable(props: {
  readonly volumes: readonly Volume[];
  /** For who may change quotas. */
  readonly onLimit: ((volume: Volume) => void) | undefined;
}) {
  const { volumes, onLimit } = props;
  return (
    <ListTable
      columns={[
        'Volume',
        'Holds',
        { text: 'Owner', isWide: true },
        'You may',
        { text: 'Changes', isWide: true },
        { text: 'Since', isWide: true },
        ...(onLimit === undefined ? [] : ['Quota']),
      ]}
    >
      {volumes.map((volume) => (
        <tr key={volume.name}>
          <th scope="row">
            <a href={formatPlace({ view: 'files', volume: volume.alias, path: '' })}>
              {volume.alias}
            </a>
            {volume.custody === 'client' && <span class="tag">signed by its owner</span>}
          </th>
          <td>
            <UsageBar volume={volume} />
          </td>
          <td class="wide">{volume.owner}</td>
          <td>{volume.access === 'partial' ? 'read some of it' : volume.access}</td>
          <td class="wide number">{formatCount(volume.count)}</td>
          <td class="wide">{formatTime(volume.createdMs)}</td>
          {onLimit !== undefined && (
            <td>
              <button type="button" class="small" onClick={() => onLimit(volume)}>
                Change
              </button>
            </td>
          )}
        </tr>
      ))}
    </ListTable>
  );
}

function UsageBar({ volume: { usage, quota } }: { readonly volume: Volume }) {
  if (usage === undefined) return <span class="quiet">being counted</span>;
  const { bytes, entries } = usage;
  const text = `${formatBytes(bytes)}, ${formatCount(entries)} names`;
  const limit = quota?.bytes ?? 0;
  if (limit === 0) return <>{text}</>;
  return (
    <>
      {text} <span class="quiet">of {formatBytes(limit)}</span>
      <meter min={0} max={limit} high={0.9 * limit} optimum={0} value={Math.min(bytes, limit)}>
        {Math.round((100 * bytes) / limit)} %
      </meter>
    </>
  );
}

interface DialogProps {
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function CreateDialog({ onClose, onDone }: DialogProps) {
  const create = async (form: FormData): Promise<void> => {
    const json = { name: textOf(form, 'name'), chunking: textOf(form, 'chunking') };
    await change('POST', '/api/v1/volumes', { json });
    onDone();
  };
  return (
    <Dialog title="New volume" action="Create" onAccept={create} onClose={onClose}>
      <label>
        Name
        <input name="name" required pattern="[a-z0-9\-]{1,32}" autocomplete="off" autofocus />
        <small>at most 32 of a-z, 0-9 and -</small>
      </label>
      <label>
        Files are cut
        <select name="chunking">
          <option value="fixed">into pieces of one size</option>
          <option value="cdc">by content, for files into which something is inserted</option>
        </select>
      </label>
      <p class="quiet">
        The server signs its changes. gdpfs volume create --custody client makes others.
      </p>
    </Dialog>
  );
}

const GIB = 1024 ** 3;

function QuotaDialog({ volume, onClose, onDone }: DialogProps & { readonly volume: Volume }) {
  const limit = async (form: FormData): Promise<void> => {
    const bytes = Math.round(Number(textOf(form, 'gib')) * GIB);
    const quota = { bytes, entries: Number(textOf(form, 'entries')) };
    await change('POST', '/api/v1/admin/quotas', { json: { volume: volume.alias, quota } });
    onDone();
  };
  const { bytes = 0, entries = 0 } = volume.quota ?? {};
  return (
    <Dialog title={`Quota of ${volume.alias}`} action="Set" onAccept={limit} onClose={onClose}>
      <label>
        GiB of content
        <input
          name="gib"
          type="number"
          min="0"
          step="any"
          defaultValue={String(bytes / GIB)}
          required
        />
      </label>
      <label>
        Names
        <input
          name="entries"
          type="number"
          min="0"
          step="1"
          defaultValue={String(entries)}
          required
        />
      </label>
      <p class="quiet">0 is no limit.</p>
    </Dialog>
  );
}
