import { useState } from 'preact/hooks';
import type { Grant, GrantList } from '../../wire/generated/api.ts';
import { apiPath, formatPlace, type PathPlace, userPath } from '../place.ts';
import { change, get } from '../server.ts';
import { ACTIONS, ListTable } from './list-table.tsx';
import { Dialog, Failure, Name, textOf, useLoaded } from './parts.tsx';

const GRANTS = '/api/v1/admin/grants';

/** Who may do what in a directory and below it: for whoever has `admin` there. */
export function AccessView({ place }: { readonly place: PathPlace }) {
  const { value, error, reload } = useLoaded(
    async (signal) => await get<GrantList>(GRANTS, { query: { path: apiPath(place) }, signal }),
    [formatPlace(place)],
  );
  const [isGranting, setGranting] = useState(false);
  const [taken, setTaken] = useState<Grant>();
  const grant = async (form: FormData): Promise<void> => {
    const subject = textOf(form, 'subject');
    const permission = textOf(form, 'permission');
    await change('POST', GRANTS, { json: { subject, permission, path: apiPath(place) } });
    reload();
  };
  const takeBack = async ({ subject, volume, node }: Grant): Promise<void> => {
    await change('DELETE', GRANTS, { query: { path: `/${volume}`, node, subject } });
    reload();
  };
  return (
    <section>
      <div class="toolbar">
        <h1>
          Access to <Name>{userPath(place)}</Name>
        </h1>
        <button type="button" class="primary" onClick={() => setGranting(true)}>
          Grant
        </button>
        <a class="button" href={formatPlace({ ...place, view: 'files' })}>
          Back to the directory
        </a>
      </div>
      <Failure error={error} />
      {value?.grants.length === 0 && (
        <p class="quiet">
          No grant here or below. The owner of the volume and admins may do everything.
        </p>
      )}
      {value !== undefined && value.grants.length > 0 && (
        <GrantTable grants={value.grants} onTake={setTaken} />
      )}
      {isGranting && <GrantDialog onAccept={grant} onClose={() => setGranting(false)} />}
      {taken !== undefined && (
        <Dialog
          title="Take the grant back?"
          action="Take back"
          isDangerous
          onAccept={async () => await takeBack(taken)}
          onClose={() => setTaken(undefined)}
        >
          <p>
            {taken.subject} has no {taken.permission} there any more, unless another grant gives it.
          </p>
        </Dialog>
      )}
    </section>
  );
}

function GrantTable(props: {
  readonly grants: readonly Grant[];
  readonly onTake: (grant: Grant) => void;
}) {
  return (
    <ListTable columns={['Who', 'May', 'In', ACTIONS]}>
      {props.grants.map((each) => (
        <tr key={`${each.subject} ${each.node}`}>
          <th scope="row">
            {each.subject === '*' ? 'everybody with a certificate' : each.subject}
          </th>
          <td>{each.permission}</td>
          <td>
            {each.path === undefined ? 'a directory that was removed' : <Name>{each.path}</Name>}
          </td>
          <td class="buttons">
            <button type="button" class="small" onClick={() => props.onTake(each)}>
              Take back
            </button>
          </td>
        </tr>
      ))}
    </ListTable>
  );
}

function GrantDialog(props: {
  readonly onAccept: (form: FormData) => Promise<void>;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title="Grant" action="Grant" {...props}>
      <label>
        To
        <input
          name="subject"
          required
          pattern="[*]|(group:)?[a-z0-9][a-z0-9._@\-]{0,63}"
          autocomplete="off"
          autofocus
        />
        <small>a principal, group:NAME, or * for everybody with a certificate</small>
      </label>
      <label>
        May
        <select name="permission">
          <option value="read">read</option>
          <option value="write">read and write</option>
          <option value="admin">read, write, grant and share</option>
        </select>
      </label>
      <p class="quiet">Here and in all below, also when the directory is renamed.</p>
    </Dialog>
  );
}
