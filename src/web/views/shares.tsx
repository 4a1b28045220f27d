import { useState } from 'preact/hooks';
import type { Share, ShareList } from '../../wire/generated/api.ts';
import { change, get } from '../server.ts';
import { formatTime } from '../text.ts';
import { ACTIONS, ListTable } from './list-table.tsx';
import { Dialog, Failure, Name, useLoaded } from './parts.tsx';

export function SharesView() {
  const { value, error, reload } = useLoaded(
    async (signal) => await get<ShareList>('/api/v1/shares', { signal }),
    [],
  );
  const [ending, setEnding] = useState<Share>();
  return (
    <section>
      <div class="toolbar">
        <h1>Share links</h1>
      </div>
      <Failure error={error} />
      {value?.shares.length === 0 && (
        <p class="quiet">There are none. Select a file or directory, and share it.</p>
      )}
      {value !== undefined && value.shares.length > 0 && (
        <ListTable columns={['Leads to', 'By', { text: 'Made', isWide: true }, 'Until', ACTIONS]}>
          {value.shares.map((share) => (
            <tr key={share.id}>
              <th scope="row">
                {share.path === undefined ? 'nothing any more' : <Name>{share.path}</Name>}
              </th>
              <td>{share.author}</td>
              <td class="wide">{formatTime(share.createdMs)}</td>
              <td>{formatTime(share.expiresMs)}</td>
              <td>
                <button type="button" class="small" onClick={() => setEnding(share)}>
                  Revoke
                </button>
              </td>
            </tr>
          ))}
        </ListTable>
      )}
      {ending !== undefined && (
        <Dialog
          title="Revoke the link?"
          action="Revoke"
          isDangerous
          onAccept={async () => {
            await change('DELETE', `/api/v1/shares/${ending.id}`);
            reload();
          }}
          onClose={() => setEnding(undefined)}
        >
          <p>Whoever has it can read nothing with it any more.</p>
        </Dialog>
      )}
    </section>
  );
}
