import { bytesEqual } from '../base/bytes.ts';
import { leafHash, merkleRoot } from '../format/merkle.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import type { PreparedChange } from './changes.ts';
import { requireFile } from './file-state.ts';
import { keptStates } from './kept-states.ts';
import { countAt, type MomentContext } from './moment.ts';
import { checkPrecondition } from './planner.ts';
import { type PreparedFile, prepareFile } from './prepare.ts';
import { forkLog } from './truncate.ts';
import type { Change, Entry } from './types.ts';
import { PathError } from './path-error.ts';

/** Does an extended file go on in the log that it has, if nobody else has, or in one of its own? */
export type FileLogs = 'shared' | 'own';

export interface PreparationContext extends MomentContext {
  readonly row: VolumeRow;
  readonly logs: FileLogs;
  /** The entry as it is committed. */
  readonly stat: (path: string) => Entry;
}

/** Folds the file logs of a change and turns its moments into counts, before its turn comes. */
export async function prepareChange(
  change: Change,
  context: PreparationContext,
): Promise<PreparedChange> {
  switch (change.kind) {
    case 'put':
      return preparePut(change);
    case 'extend':
      return { ...change, prepared: await prepareExtend(change, context) };
    case 'copy': {
      const atCount = countAt(context, context.row, change.at);
      return atCount === undefined ? change : { ...change, atCount };
    }
    case 'restore': {
      const atCount = countAt(context, context.row, change.at);
      // Where a node is now, or that it is nowhere, cannot be proven to who is to sign. And a directory
      // comes back with all that was in it last, which may be gone where only a snapshot keeps it.
      const { trimSeq } = keptStates(context.row, context.view);
      const isOld = atCount !== undefined && atCount <= trimSeq;
      const asCopy = context.row.custody === 'client' || isOld;
      return { ...change, asCopy, ...(atCount !== undefined && { atCount }) };
    }
    case 'many': {
      const changes: PreparedChange[] = [];
      for (const one of change.changes) {
        // A thousand small files need not wait a thousand times for nothing.
        const isReady = one.kind === 'put';
        changes.push(isReady ? preparePut(one) : await prepareChange(one, context));
      }
      return { kind: 'many', changes };
    }
    default:
      return change;
  }
}

function preparePut(change: Extract<Change, { kind: 'put' }>): PreparedChange {
  return { ...change, prepared: prepareFile(change.file) };
}

/**
 * Folds the file's log with the new records. A log whose newest records belong to another version
 * (of a copy, or of a state that was rolled back) is not continued: the file gets a new one.
 */
async function prepareExtend(
  { path, file, precondition }: Extract<Change, { kind: 'extend' }>,
  { engine, row, logs, stat }: PreparationContext,
): Promise<PreparedFile> {
  const state = requireFile(stat(path));
  // Planning checks it again: equal content means that the fold still holds.
  checkPrecondition(path, state, precondition);
  const existing = await engine.readFileLog(row.id, state.log, state.logCount);
  // What is about to be signed again must be what was signed before.
  if (!bytesEqual(merkleRoot(existing.map(leafHash)), state.root)) {
    throw new PathError(
      'corrupt',
      (name) => `cannot extend ${name(path)}: its log is not what was signed`,
    );
  }
  if (logs === 'shared' && engine.fileLogCount(row.id, state.log) === state.logCount) {
    return prepareFile(file, existing);
  }
  const { root: _, ...rest } = file;
  return prepareFile({ ...rest, records: [...forkLog(existing), ...file.records] });
}
