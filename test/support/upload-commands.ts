/** What the model of transfers does to a path in a volume: uploads, and what disturbs them. */
import { writeFileSync } from 'node:fs';
import {
  type Command,
  command,
  type Edit,
  edited,
  note,
  positionIn,
  requireCode,
  SIZE_MAX,
} from './transfer-world.ts';

export function editSource(edit: Edit): Command {
  return command(
    `source: ${JSON.stringify(edit)}`,
    (model, world) => {
      model.source = edited(world, model.source, edit);
      writeFileSync(world.source, model.source);
    },
    ({ source }) => source.length + edit.length <= SIZE_MAX,
  );
}

export function uploadToTheEnd(): Command {
  return command('upload', async (model, world) => {
    const { error } = await world.upload();
    if (error !== undefined) throw error;
    model.committed = [model.source];
    model.isRotten = false;
    note(model, 'uploaded');
  });
}

export function uploadCut(kind: 'cut' | 'stall' | 'corrupt', where: number): Command {
  return command(
    `upload, ${kind} at ${where}`,
    async (model, world) => {
      const at = positionIn(model.source, where);
      world.lab.proxy.inject({ direction: 'up', at, kind, mask: 1 });
      const { error } = await world.upload(kind);
      world.lab.proxy.clear();
      if (error === undefined) {
        model.committed = [model.source];
        model.isRotten = false;
        return;
      }
      note(model, 'upload cut');
      model.committed.push(model.source);
    },
    ({ isRotten }) => !isRotten,
  );
}

/** The source changes when byte `at` goes by: no mixture of both becomes a version. */
export function uploadOfChangingSource(where: number, edit: Edit): Command {
  return command(
    `upload, source changes at ${where}: ${JSON.stringify(edit)}`,
    async (model, world) => {
      let changed: Buffer | undefined;
      const action = (): void => {
        changed = edited(world, model.source, edit);
        writeFileSync(world.source, changed);
      };
      const at = positionIn(model.source, where);
      world.lab.proxy.inject({ direction: 'up', at, kind: 'run', action });
      const { error } = await world.upload();
      world.lab.proxy.clear();
      if (error === undefined) {
        // All had been read, and compared, before.
        model.committed = [model.source];
      } else {
        requireCode(error, 'source_changed');
        note(model, 'source changed');
      }
      model.source = changed ?? model.source;
    },
    ({ isRotten, source }) => !isRotten && source.length + edit.length <= SIZE_MAX,
  );
}

export function replacedByAnother(size: number): Command {
  return command(
    `another client writes ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      await world.replace(bytes);
      model.committed = [bytes];
    },
    ({ isRotten }) => !isRotten,
  );
}

/** Somebody else commits in the middle of an upload, which is told so and changes nothing. */
export function uploadOvertaken(where: number, size: number): Command {
  return command(
    `upload, overtaken at ${where} by ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      const isReplaced = world.replaceAt('up', positionIn(model.source, where), bytes);
      const { error } = await world.upload();
      world.lab.proxy.clear();
      if (error !== undefined) {
        requireCode(error, 'changed');
        note(model, 'overtaken');
      }
      // Without an error either may have been the second.
      if (isReplaced()) model.committed = error === undefined ? [bytes, model.source] : [bytes];
      else model.committed = [model.source];
    },
    ({ isRotten }) => !isRotten,
  );
}
