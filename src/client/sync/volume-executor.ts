import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { userPath } from '../../format/path.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import type { ChangeBelow } from '../../wire/generated/api.ts';
import type { Session } from '../session.ts';
import { TaskGroup } from '../task-group.ts';
import type { Tally } from '../tally.ts';
import type { CallOptions } from '../files.ts';
import type { Action, ActionPages, TreeEntry } from './action.ts';
import { sendChanges } from './change-sets.ts';
import { PartCutter } from './part-cutter.ts';
import { etagOf, type PartAction } from './part-sender.ts';
import type { VolumeSource } from './volume-source.ts';

export interface VolumeExecutorOptions extends CallOptions {
  /** What the entries are of. */
  readonly source: VolumeSource;
  /** `/<volume>/<path>` of an existing directory, which gets them. */
  readonly path: string;
  readonly tally: Tally;
}

/**
 * Does the actions of a plan in a volume: directories, links and small files many at a time, larger
 * files one by one, as their source does it. Failures of single names go to the tally. Throws what
 * ends it all; what was committed until then stays.
 */
export async function executeInVolume(
  session: Session,
  actions: ActionPages,
  options: VolumeExecutorOptions,
): Promise<void> {
  const execution = new VolumeExecution(session, options);
  await execution.run(actions);
}

/** Actions without content, which go many at a time. */
type BriefAction = Extract<Action, { kind: 'remove' | 'attributes' }>;

class VolumeExecution {
  readonly #session: Session;
  readonly #options: VolumeExecutorOptions;
  readonly #tasks = new TaskGroup();
  readonly #sendPart = this.#tasks.lane(LIMITS.partsInFlight);
  readonly #sendLarge = this.#tasks.lane(LIMITS.largeFilesInFlight);
  readonly #sendSet = this.#tasks.lane(LIMITS.changeSetsInFlight);
  readonly #cutter: PartCutter;
  /** What is being collected. */
  #part: PartAction[] = [];
  #changes: BriefAction[] = [];
  /** What the last action removes. */
  #removed: string | undefined;

  constructor(session: Session, options: VolumeExecutorOptions) {
    this.#session = session;
    this.#options = options;
    this.#cutter = new PartCutter(options.source.movesContent);
  }

  async run(pages: ActionPages): Promise<void> {
    try {
      for await (const actions of pages) {
        for (const action of actions) await this.#begin(action);
      }
      this.#options.tally.planComplete();
      await this.#flushChanges();
      await this.#flush();
    } finally {
      // Also after a failure nothing goes on behind our back.
      await this.#tasks.settle();
    }
  }

  async #begin(action: Action): Promise<void> {
    const { tally } = this.#options;
    // What comes into the place of something removed waits until it is gone.
    if (action.entry.relative === this.#removed) {
      await this.#flushChanges();
      await this.#tasks.settle();
    }
    this.#removed = action.kind === 'remove' ? action.entry.relative : undefined;
    switch (action.kind) {
      case 'file':
        tally.expect({ files: 1, bytes: action.entry.size });
        if (action.entry.size <= this.#options.source.partFileBytesMax) {
          return await this.#add(action);
        }
        return await this.#sendLarge(() => this.#sendFile(action));
      case 'directory':
      case 'symlink':
        return await this.#add(action);
      case 'remove':
      case 'attributes':
        this.#changes.push(action);
        if (this.#changes.length >= LIMITS.changeSetMax) await this.#flushChanges();
        return;
      case 'conflict':
        return tally.fail({ path: this.#remotePath(action.entry), error: this.#inTheWay(action) });
    }
  }

  async #add(action: PartAction): Promise<void> {
    this.#part.push(action);
    if (this.#cutter.endsBehind(action.entry)) await this.#flush();
  }

  async #flush(): Promise<void> {
    const part = this.#part;
    if (part.length === 0) return;
    this.#part = [];
    await this.#sendPart(() => this.#options.source.sendPart(part));
  }

  async #sendFile(action: Action & { readonly kind: 'file' }): Promise<void> {
    const { entry, reason, existing } = action;
    const { tally, source } = this.#options;
    const unsureOf = reason === 'unsure' ? existing : undefined;
    const path = this.#remotePath(entry);
    const file = tally.beginFile();
    const { onProgress } = file;
    try {
      file.done({ path, ...(await source.sendFile(entry, { path, unsureOf, onProgress })) });
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      file.failed();
      tally.fail({ path: source.nameOf(entry), error });
    }
  }

  async #flushChanges(): Promise<void> {
    const actions = this.#changes;
    if (actions.length === 0) return;
    this.#changes = [];
    const { path, tally, signal } = this.#options;
    const members = actions.map((action) => ({ of: action, change: changeOf(action) }));
    await this.#sendSet(async () => {
      await sendChanges(members, {
        directory: { session: this.#session, path },
        signal,
        onDone: (action) => this.#countChange(action),
        onRefused: (action, error) => {
          // Somebody else was faster: it is gone, as it should be.
          const isGone = action.kind === 'remove' && error.code === 'not_found';
          if (isGone) this.#countChange(action);
          else tally.fail({ path: this.#remotePath(action.entry), error });
        },
      });
      tally.report();
    });
  }

  #countChange(action: BriefAction): void {
    const { tally } = this.#options;
    if (action.kind === 'remove') tally.removed += action.count;
    tally.observer.change?.({ kind: action.kind, path: this.#remotePath(action.entry) });
  }

  #inTheWay({ entry, existing }: Action & { readonly kind: 'conflict' }): GdpfsError {
    const path = this.#remotePath(entry);
    return existing.kind === 'directory'
      ? new GdpfsError(
          'is_a_directory',
          `cannot replace "${userPath(path)}" by a ${entry.kind}: it is a directory`,
        )
      : new GdpfsError(
          'not_a_directory',
          `cannot replace "${userPath(path)}" by a directory: it is a ${existing.kind}`,
        );
  }

  #remotePath({ relative }: TreeEntry): string {
    return `${this.#options.path}/${relative}`;
  }
}

function changeOf(action: BriefAction): ChangeBelow {
  const { relative: path, mode, mtimeUs } = action.entry;
  if (action.kind === 'remove') return { op: 'remove', path };
  const content = etagOf(action.existing);
  return { op: 'set', path, mode, mtimeUs, ...(content === undefined ? {} : { content }) };
}
