import type { Change, FileContent } from './types.ts';

/** The same change, without what lies in the memory of a request: it outlives the request. */
export function ownMemory(change: Change): Change {
  switch (change.kind) {
    case 'put':
    case 'extend':
      return { ...change, file: ownContent(change.file) };
    case 'many':
      return { kind: 'many', changes: change.changes.map(ownMemory) };
    default:
      return change;
  }
}

function ownContent(file: FileContent): FileContent {
  const { made } = file;
  if (made === undefined) return { ...file, records: file.records.map((record) => record.slice()) };
  const chunks = made.chunks.map(({ offset, length, checksum, digest }) => {
    return { offset, length, checksum, digest: digest.slice() };
  });
  return { ...file, made: { ...made, chunks } };
}
