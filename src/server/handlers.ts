import { assert } from '../base/errors.ts';
import type { Contract } from '../wire/contract.ts';
import type { OperationId } from '../wire/openapi.ts';
import type { Handler } from './exchange.ts';
import { auditGet } from './handlers/audit-get.ts';
import { authorityGet } from './handlers/authority-get.ts';
import { certificatesPost } from './handlers/certificates-post.ts';
import { contractGet } from './handlers/contract-get.ts';
import { enrollPost } from './handlers/enroll-post.ts';
import { fileChunksGet } from './handlers/file-chunks-get.ts';
import { fileChunksPost } from './handlers/file-chunks-post.ts';
import { fileMd5Get } from './handlers/file-md5-get.ts';
import { filesChangesPost } from './handlers/files-changes-post.ts';
import { filesDelete } from './handlers/files-delete.ts';
import { filesGet } from './handlers/files-get.ts';
import { filesPatch } from './handlers/files-patch.ts';
import { filesPost } from './handlers/files-post.ts';
import { healthGet } from './handlers/health-get.ts';
import { invitationsPost } from './handlers/invitations-post.ts';
import { metricsGet } from './handlers/metrics-get.ts';
import { quotasPost } from './handlers/quotas-post.ts';
import { readyGet } from './handlers/ready-get.ts';
import { storageFileChunksGet } from './handlers/storage-file-chunks-get.ts';
import { storageFileChunksPost } from './handlers/storage-file-chunks-post.ts';
import { storageFilesGet } from './handlers/storage-files-get.ts';
import { storageFilesPost } from './handlers/storage-files-post.ts';
import { storageTarPost } from './handlers/storage-tar-post.ts';
import { volumeChangesGet } from './handlers/volume-changes-get.ts';
import { volumeCheckpointGet } from './handlers/volume-checkpoint-get.ts';
import { volumeCommitsPost } from './handlers/volume-commits-post.ts';
import { volumeCommitsGet } from './handlers/volume-commits-get.ts';
import { volumeDelete } from './handlers/volume-delete.ts';
import { volumeGet } from './handlers/volume-get.ts';
import { volumeKeysPost } from './handlers/volume-keys-post.ts';
import { volumeLogGet } from './handlers/volume-log-get.ts';
import { volumePolicyGet } from './handlers/volume-policy-get.ts';
import { volumePolicyPost } from './handlers/volume-policy-post.ts';
import { volumeProofGet } from './handlers/volume-proof-get.ts';
import { volumesGet } from './handlers/volumes-get.ts';
import { volumesPost } from './handlers/volumes-post.ts';
import { principalsPost } from './handlers/principals-post.ts';
import { principalsGet } from './handlers/principals-get.ts';
import { principalDelete } from './handlers/principal-delete.ts';
import { principalPatch } from './handlers/principal-patch.ts';
import { gcGet } from './handlers/gc-get.ts';
import { gcPost } from './handlers/gc-post.ts';
import { groupsGet } from './handlers/groups-get.ts';
import { groupsPost } from './handlers/groups-post.ts';
import { groupDelete } from './handlers/group-delete.ts';
import { grantsGet } from './handlers/grants-get.ts';
import { grantsPost } from './handlers/grants-post.ts';
import { grantDelete } from './handlers/grant-delete.ts';
import { shareDelete } from './handlers/share-delete.ts';
import { shareLinkGet } from './handlers/share-link-get.ts';
import { sharesGet } from './handlers/shares-get.ts';
import { sharesPost } from './handlers/shares-post.ts';
import { webAssetGet, webPageGet } from './handlers/web-page-get.ts';
import { whoamiGet } from './handlers/whoami-get.ts';

type Handlers = { readonly [Id in OperationId]: Handler<Id> };

/** What executes each operation of the contract. */
export const HANDLERS: Handlers = {
  auditGet,
  authorityGet,
  certificatesPost,
  contractGet,
  enrollPost,
  fileChunksGet,
  fileChunksPost,
  fileMd5Get,
  filesChangesPost,
  filesDelete,
  filesGet,
  filesPatch,
  filesPost,
  gcGet,
  gcPost,
  healthGet,
  invitationsPost,
  metricsGet,
  quotasPost,
  readyGet,
  storageFileChunksGet,
  storageFileChunksPost,
  storageFilesGet,
  storageFilesPost,
  storageTarPost,
  volumeChangesGet,
  volumeCheckpointGet,
  volumeCommitsGet,
  volumeCommitsPost,
  volumeDelete,
  volumeGet,
  volumeKeysPost,
  volumeLogGet,
  volumePolicyGet,
  volumePolicyPost,
  volumeProofGet,
  volumesGet,
  volumesPost,
  principalsGet,
  principalsPost,
  principalDelete,
  principalPatch,
  groupsGet,
  groupsPost,
  groupDelete,
  grantsGet,
  grantsPost,
  grantDelete,
  shareDelete,
  shareLinkGet,
  shareLinkPathGet: shareLinkGet,
  sharesGet,
  sharesPost,
  webAssetGet,
  webPageGet,
  whoamiGet,
};

/** Throws unless contract and handlers name the same operations. */
export function checkHandlers(contract: Contract): void {
  const wanted = contract.operations.map(({ id }) => id).sort();
  const present = Object.keys(HANDLERS).sort();
  assert(wanted.join() === present.join(), `handlers for ${wanted.join()}, have ${present.join()}`);
}
