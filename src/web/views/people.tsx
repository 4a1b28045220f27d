import { useState } from 'preact/hooks';
import type { Invitation, Principal, PrincipalList, Whoami } from '../../wire/generated/api.ts';
import { change, get } from '../server.ts';
import { formatTime } from '../text.ts';
import { ACTIONS, ListTable } from './list-table.tsx';
import { Dialog, Failure, textOf, useLoaded } from './parts.tsx';

const ADMIN = '/api/v1/admin';

/** For admins: who there is, and who comes. */
export function PeopleView({ who }: { readonly who: Whoami }) {
  const { value, error, reload } = useLoaded(
    async (signal) => await get<PrincipalList>(`${ADMIN}/principals`, { signal }),
    [],
  );
  const [isInviting, setInviting] = useState(false);
  const [invitation, setInvitation] = useState<Invitation>();
  const [revoked, setRevoked] = useState<string>();
  return (
    <section>
      <div class="toolbar">
        <h1>People</h1>
        <button type="button" class="primary" onClick={() => setInviting(true)}>
          Invite
        </button>
      </div>
      <Failure error={error} />
      {invitation !== undefined && <Invited invitation={invitation} />}
      {value !== undefined && (
        <PrincipalTable principals={value.principals} self={who.principal} onRevoke={setRevoked} />
      )}
      {isInviting && (
        <InviteDialog
          onClose={() => setInviting(false)}
          onDone={(made) => {
            setInvitation(made);
            reload();
          }}
        />
      )}
      {revoked !== undefined && (
        <Dialog
          title={`Revoke ${revoked}?`}
          action="Revoke"
          isDangerous
          onAccept={async () => {
            await change('DELETE', `${ADMIN}/principals/${encodeURIComponent(revoked)}`);
            reload();
          }}
          onClose={() => setRevoked(undefined)}
        >
          <p>All certificates end with the next request, and all grants go. The volumes stay.</p>
        </Dialog>
      )}
    </section>
  );
}

function PrincipalTable(props: {
  readonly principals: readonly Principal[];
  /** Who looks: nobody revokes themselves here. */
  readonly self: string;
  readonly onRevoke: (name: string) => void;
}) {
  const { principals, self, onRevoke } = props;
  return (
    <ListTable
      columns={['Name', 'Role', { text: 'Groups', isWide: true }, 'Certificates', ACTIONS]}
    >
      {principals.map((each) => (
        <tr key={each.name}>
          <th scope="row">{each.name}</th>
          <td>{each.revoked ? 'revoked' : each.role}</td>
          <td class="wide">{each.groups.join(', ')}</td>
          <td>
            {each.enrolments
              .filter((enrolment) => !enrolment.revoked)
              .map((enrolment) => `until ${formatTime(enrolment.expiresMs)}`)
              .join(', ') || 'none'}
          </td>
          <td>
            {!each.revoked && each.name !== self && (
              <button type="button" class="small" onClick={() => onRevoke(each.name)}>
                Revoke
              </button>
            )}
          </td>
        </tr>
      ))}
    </ListTable>
  );
}

function InviteDialog(props: {
  readonly onClose: () => void;
  readonly onDone: (made: Invitation) => void;
}) {
  const { onClose, onDone } = props;
  const invite = async (form: FormData): Promise<void> => {
    const json = { principal: textOf(form, 'principal'), role: textOf(form, 'role') };
    onDone(await change<Invitation>('POST', `${ADMIN}/invitations`, { json }));
  };
  return (
    <Dialog title="Invite" action="Invite" onAccept={invite} onClose={onClose}>
      <label>
        Name
        <input
          name="principal"
          required
          pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
          autocomplete="off"
          autofocus
        />
      </label>
      <label>
        Role
        <select name="role">
          <option value="user">user, with a home volume of that name</option>
          <option value="admin">admin, who may do everything</option>
        </select>
      </label>
    </Dialog>
  );
}

function Invited({ invitation }: { readonly invitation: Invitation }) {
  const { principal, token, expiresMs } = invitation;
  return (
    <div class="notice" role="status">
      <p>
        For {principal}, once, until {formatTime(expiresMs)}. It is shown this once:
      </p>
      <pre>
        gdpfs login {location.origin} {token}
      </pre>
    </div>
  );
}
