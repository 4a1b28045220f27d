import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fc } from '../support/property.ts';
import { stat } from '../../src/client/files.ts';
import { TransferLab } from '../support/transfer-lab.ts';
import {
  damageLeftovers,
  downloadCut,
  downloadOvertaken,
  downloadToTheEnd,
  editTarget,
  restartServer,
  rot,
} from '../support/download-commands.ts';
import { type Command, type Model, World } from '../support/transfer-world.ts';
import {
  editSource,
  replacedByAnother,
  uploadCut,
  uploadOfChangingSource,
  uploadOvertaken,
  uploadToTheEnd,
} from '../support/upload-commands.ts';

/**
 * One path in a volume, one file that is uploaded to it and one that is downloaded from it, and all
 * that can happen to them, in any order. Soak: GDPFS_MODEL_RUNS=500 GDPFS_MODEL_SEED=7
 * node --test test/transfer/model.test.ts
 */

const RUNS = Number(process.env['GDPFS_MODEL_RUNS'] ?? 10);
const SEED = Number(process.env['GDPFS_MODEL_SEED'] ?? 1);
const COMMANDS_MAX = 24;
const KIB = 1024;

let lab: TransferLab;

before(async () => {
  lab = await TransferLab.start();
});
after(() => lab[Symbol.asyncDispose]());

const fraction = fc.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1000);
const size = fc.oneof(
  fc.constantFrom(0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB),
  fc.integer({ min: 0, max: 1500 * KIB }),
);
const edit = fc.record({
  kind: fc.constantFrom('append', 'insert', 'overwrite', 'truncate', 'rewrite'),
  at: fraction,
  length: size,
});
const cut = fc.constantFrom('cut', 'cut', 'corrupt', 'stall');

const commands = [
  edit.map(editSource),
  edit.map(editSource),
  fc.constant(null).map(uploadToTheEnd),
  fc.tuple(cut, fraction).map(([kind, where]) => uploadCut(kind, where)),
  fc.tuple(cut, fraction).map(([kind, where]) => uploadCut(kind, where)),
  fc.tuple(fraction, edit).map(([where, change]) => uploadOfChangingSource(where, change)),
  size.map(replacedByAnother),
  fc.tuple(fraction, size).map(([where, bytes]) => uploadOvertaken(where, bytes)),
  fc.constant(null).map(restartServer),
  fc.constant(null).map(rot),
  fc.boolean().map(downloadToTheEnd),
  fc.tuple(cut, fraction).map(([kind, where]) => downloadCut(kind, where)),
  fc.tuple(cut, fraction).map(([kind, where]) => downloadCut(kind, where)),
  fc.tuple(fraction, size).map(([where, bytes]) => downloadOvertaken(where, bytes)),
  fc.option(size, { nil: undefined }).map(editTarget),
  fraction.map(damageLeftovers),
];

async function runModel(
  volume: string,
  steps: Iterable<Command>,
  seen: Map<string, number>,
): Promise<void> {
  const world = new World(lab, volume);
  const source = world.fresh(700 * KIB);
  writeFileSync(world.source, source);
  const model: Model = { source, committed: [undefined], target: undefined, isRotten: false, seen };
  await fc.asyncModelRun(() => ({ model, real: world }), steps);
  // However it ended: the same commands again bring everything to its end.
  for (const last of [uploadToTheEnd(), downloadToTheEnd(true)]) await last.run(model, world);
  assert.equal((await stat(lab.direct, world.path)).size, model.source.length);
}

for (const chunking of ['fixed', 'cdc'] as const) {
  test(`whatever happens to a transfer (${chunking}), what is there is whole, and the same again ends it`, async (t) => {
    const volume = await lab.newVolume(chunking);
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.commands(commands, { size: 'max', maxCommands: COMMANDS_MAX }),
        async (steps) => {
          lab.proxy.clear();
          await runModel(volume, steps, seen);
        },
      ),
      { numRuns: RUNS, seed: SEED, endOnFailure: RUNS < 50 },
    );
    t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
    for (const what of ['uploaded', 'upload cut', 'source changed', 'downloaded', 'download cut']) {
      assert(seen.has(what), `nothing was ${what}`);
    }
  });
}
