/** Cases of test/access-routes.test.ts: every operation that is not on files. */
import type { Share } from '../../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../../src/wire/media-types.ts';
import type { OperationId } from '../../src/wire/openapi.ts';
import type { AccessCase } from './access-file-cases.ts';
import { type AccessLab, at, SECRET_NAME } from './access-lab.ts';
import type { HttpRequest } from './http-client.ts';

/** For admins and owners of the server alone. */
function refused(
  lab: AccessLab,
  operation: readonly [string, string],
  request: HttpRequest = {},
): AccessCase[] {
  return [
    { title: 'by a user', request: () => lab.send(...operation, request), expected: 'forbidden' },
  ];
}

/** Operations that have nothing to decide: who may call them is in the contract. */
const OPEN: AccessCase[] = [];

export function otherCases(lab: AccessLab) {
  return {
    contractGet: () => OPEN,
    enrollPost: () => OPEN,
    healthGet: () => OPEN,
    readyGet: () => OPEN,
    webAssetGet: () => OPEN,
    webPageGet: () => OPEN,
    certificatesPost: () => OPEN,
    metricsGet: () => refused(lab, ['GET', '/metrics']),
    volumesGet: () => [
      { title: 'own ones', request: () => lab.send('GET', '/api/v1/volumes'), expected: 200 },
    ],
    volumesPost: () => refused(lab, ['POST', '/api/v1/volumes'], { json: { name: 'mine' } }),
    volumeGet: () => [
      { title: 'partial', request: () => lab.send('GET', '/api/v1/volumes/alice'), expected: 200 },
      ...refused(lab, ['GET', '/api/v1/volumes/nobody']),
    ],
    volumeCheckpointGet: () => refused(lab, ['GET', '/api/v1/volumes/alice/checkpoint']),
    volumeCommitsPost: () =>
      refused(lab, ['POST', '/api/v1/volumes/alice/commits'], {
        type: MEDIA_TYPES.signed,
        body: Buffer.alloc(16),
      }),
    volumeCommitsGet: () => refused(lab, ['GET', '/api/v1/volumes/alice/commits']),
    volumeDelete: () => refused(lab, ['DELETE', '/api/v1/volumes/alice']),
    volumePolicyGet: () => [
      {
        title: 'partial',
        request: () => lab.send('GET', '/api/v1/volumes/alice/policy'),
        expected: 200,
      },
      ...refused(lab, ['GET', '/api/v1/volumes/nobody/policy']),
    ],
    volumePolicyPost: () =>
      refused(lab, ['POST', '/api/v1/volumes/alice/policy'], {
        json: { op: 'snapshot', name: 'mine' },
      }),
    volumeKeysPost: () => refused(lab, ['POST', '/api/v1/volumes/alice/keys']),
    volumeLogGet: () => refused(lab, ['GET', '/api/v1/volumes/alice/log']),
    volumeChangesGet: () => {
      const changes = (path: string, expected: AccessCase['expected']): AccessCase => ({
        title: path,
        request: () =>
          lab.send('GET', '/api/v1/volumes/alice/changes', {
            query: { path, from: 0, limit: 1000 },
          }),
        expected,
      });
      return [
        changes('', 200),
        changes('open', 200),
        changes('way', 200),
        changes('secret', 'forbidden'),
        changes('nothing', 'forbidden'),
        ...refused(lab, ['GET', '/api/v1/volumes/nobody/changes']),
      ];
    },
    volumeProofGet: () => {
      const proof = (path: string, more: object, expected: AccessCase['expected']): AccessCase => ({
        title: `${path} ${JSON.stringify(more)}`,
        request: () => lab.send('GET', '/api/v1/volumes/alice/proof', { query: { path, ...more } }),
        expected,
      });
      return [
        proof('open/shown', {}, 200),
        proof('open/left-open', {}, 200),
        proof('', { list: 'children' }, 200),
        proof('way', { list: 'children' }, 200),
        proof(`way/${SECRET_NAME}`, {}, 'forbidden'),
        proof('secret', { list: 'children' }, 'forbidden'),
        proof('secret/turned-open', { at: '5' }, 'forbidden'),
        proof('nothing', {}, 'forbidden'),
      ];
    },
    whoamiGet: () => [
      { title: 'self', request: () => lab.send('GET', '/api/v1/whoami'), expected: 200 },
    ],
    invitationsPost: () =>
      refused(lab, ['POST', '/api/v1/admin/invitations'], { json: { principal: 'eve' } }),
    principalsGet: () => refused(lab, ['GET', '/api/v1/admin/principals']),
    principalsPost: () =>
      refused(lab, ['POST', '/api/v1/admin/principals'], { json: { name: 'eve' } }),
    authorityGet: () => refused(lab, ['GET', '/api/v1/admin/ca']),
    principalDelete: () => refused(lab, ['DELETE', '/api/v1/admin/principals/alice']),
    principalPatch: () =>
      refused(lab, ['PATCH', '/api/v1/admin/principals/alice'], { json: { revoked: false } }),
    gcGet: () => refused(lab, ['GET', '/api/v1/admin/gc']),
    gcPost: () => refused(lab, ['POST', '/api/v1/admin/gc'], { json: { dryRun: true } }),
    auditGet: () => refused(lab, ['GET', '/api/v1/admin/audit']),
    quotasPost: () =>
      refused(lab, ['POST', '/api/v1/admin/quotas'], {
        json: { volume: 'bob', quota: { bytes: 0, entries: 0 } },
      }),
    sharesGet: () => [
      { title: 'own ones', request: () => lab.send('GET', '/api/v1/shares'), expected: 200 },
    ],
    sharesPost: () =>
      ['/alice/workshop', '/alice/open/shown', '/alice/secret'].flatMap((path) =>
        refused(lab, ['POST', '/api/v1/shares'], { json: { path, lifeMs: 1000 } }),
      ),
    shareDelete: () => [
      {
        title: "somebody else's",
        request: async () => {
          const json = { path: '/alice/secret', lifeMs: 60_000 };
          const { id } = (await lab.alice.send('POST', '/api/v1/shares', { json })).json as Share;
          return await lab.send('DELETE', `/api/v1/shares/${id}`);
        },
        expected: 'not_found',
      },
    ],
    shareLinkGet: () => refused(lab, ['GET', '/s/bm90aGluZw']),
    shareLinkPathGet: () => refused(lab, ['GET', `/s/bm90aGluZw/secret`]),
    groupsGet: () => refused(lab, ['GET', '/api/v1/admin/groups']),
    groupsPost: () =>
      refused(lab, ['POST', '/api/v1/admin/groups'], { json: { name: 'g', add: ['bob'] } }),
    groupDelete: () => refused(lab, ['DELETE', '/api/v1/admin/groups/g']),
    grantsGet: () => [
      ...refused(lab, ['GET', '/api/v1/admin/grants'], at('/alice/workshop')),
      ...refused(lab, ['GET', '/api/v1/admin/grants'], { query: { subject: 'alice' } }),
      {
        title: 'own ones',
        request: () => lab.send('GET', '/api/v1/admin/grants', { query: { subject: 'bob' } }),
        expected: 200,
      },
    ],
    grantsPost: () =>
      ['/alice/workshop', '/alice/secret', '/alice'].flatMap((path) =>
        refused(lab, ['POST', '/api/v1/admin/grants'], {
          json: { subject: 'bob', permission: 'admin', path },
        }),
      ),
    grantDelete: () =>
      refused(lab, ['DELETE', '/api/v1/admin/grants'], {
        query: { path: '/alice/open', subject: 'bob' },
      }),
  } satisfies Partial<Record<OperationId, () => AccessCase[]>>;
}
