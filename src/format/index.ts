/**
 * `gdpfs/format`: what somebody needs who wants to check a volume without believing the server that
 * sent it. Pure functions over bytes; docs/formats.md describes the bytes. Everything that throws
 * throws a GdpfsError: `corrupt` for malformed bytes, `untrusted` for what its writer did not sign.
 */

export { type ErrorCode, GdpfsError, isGdpfsError } from '../base/errors.ts';
export {
  type Checkpoint,
  type ParsedCheckpoint,
  parseCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts';
export {
  type CheckpointProof,
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from './checkpoint-proof.ts';
export {
  type ChunkFrame,
  ChunkFrameDecoder,
  type ChunkFrameHeader,
  encodeChunkHeader,
} from './chunk-frame.ts';
export {
  type Commit,
  decodeCommit,
  decodeRecords,
  encodeRecords,
  type FileLogPart,
} from './commit.ts';
export { ContentFold, chunkSizeFor, contentRoot, overlapping } from './content.ts';
export { type Dentry, decodeDentry, type FilePin, type Removal } from './dentry.ts';
export {
  type CheckedDentry,
  checkPins,
  type FileLogRecords,
  foldFileLog,
} from './file-pins.ts';
export {
  type GDPfsDentry,
  type GDPfsFchunk,
  type GDPfsMeta,
  type GDPfsMsg,
  type GDPfsVolume,
  LogKind,
  NodeKind,
} from './generated/gdpfs_pb.js';
export {
  type Chunk,
  decodeManifestEntries,
  encodeManifestEntries,
  type Manifest,
  type ManifestBounds,
} from './manifest.ts';
export {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  MerkleFrontier,
  merkleRoot,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
export {
  type OwnerMark,
  type OwnerRotation,
  verifyRotations,
  verifySuccession,
} from './owner-rotation.ts';
export {
  baseName,
  compareNames,
  formatApiPath,
  formatRemotePath,
  joinPath,
  parentPath,
  parseApiPath,
  parseName,
  parsePath,
  parseRemotePath,
  parseVolumeReference,
  type RemotePath,
  splitPath,
  type VolumePath,
  type VolumeReference,
} from './path.ts';
export { checkpointOrigin, type Policy, verifyPolicy } from './policy.ts';
export {
  decodeFchunk,
  decodeMeta,
  decodeRecord,
  FORMAT_VERSION,
  logName,
} from './records.ts';
export { type Note, type NoteSignature, parseNote, verifyNote } from './signed-note.ts';
export {
  decodeStateEntry,
  hashStateEntry,
  type StateEntry,
  stateKey,
  stateLeafHash,
} from './state-entry.ts';
export { decodeStateEvidence, type StateEvidence } from './state-evidence.ts';
export { StateMap } from './state-map.ts';
export { directoryRange, type KeyRange, keyRange, StateProof } from './state-proof.ts';
export { type ChainState, verifyCommit } from './volume-chain.ts';
