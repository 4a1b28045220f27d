import { randomBytes } from 'node:crypto';
import { io } from '@tensorflow/tfjs-core';
import { hexEncode, utf8Encode } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { concurrently } from '../client/concurrently.ts';
import { listPages, remove, stat } from '../client/files.ts';
import type { RemoteFile, Servers } from '../client/servers.ts';
import type { UploadTarget } from '../client/uploads.ts';
import { writeFile } from '../client/write.ts';
import { baseName, parentPath } from '../format/path.ts';
import { beside, locateModel, readModelJson, weightBytes } from './model-files.ts';
import { cutShards, gathered, type Pieces } from './weight-shards.ts';

export interface ModelSaveOptions {
  /** Bytes of a weight file: 4 MiB if absent, as the converter has it. */
  readonly shardBytes?: number;
}

const SHARD_BYTES_DEFAULT = 4 * 1024 * 1024;
/** Of what makes the names of one save different from those of every other. */
const SAVE_ID_BYTES = 8;

/** What is there before a save. */
interface Replaced {
  readonly target: UploadTarget;
  /** Its weight files, as its `model.json` names them. */
  readonly paths: readonly string[];
}

/**
 * Saves a model: its weights under names that no other save uses, then `model.json`, which is the step
 * that counts, then it removes the weights of the model that was there and of saves that broke off.
 * So whoever reads finds the old model or the new one. Throws `changed` if somebody else has saved
 * there meanwhile; what fails before `model.json` is written leaves the old model as it was.
 */
export async function saveModel(
  servers: Servers,
  url: string,
  artifacts: io.ModelArtifacts,
  options: ModelSaveOptions = {},
): Promise<io.SaveResult> {
  const { weightData: _data, getWeightStream: _stream, weightSpecs, ...rest } = artifacts;
  const model = await locateModel(servers, url);
  if (rest.modelTopology instanceof ArrayBuffer) {
    throw new GdpfsError('usage', `cannot save to "${model.text}": a binary topology, need JSON`);
  }
  const replaced = await findReplaced(model);
  const paths = await saveWeights(servers, model, artifacts, options);
  const weightsManifest = weightSpecs === undefined ? undefined : [{ paths, weights: weightSpecs }];
  const json = JSON.stringify({ ...rest, weightsManifest });
  const { session, apiPath } = model;
  const writing = { parents: true, replaces: replaced.target };
  const { seq } = await writeFile(session, apiPath, utf8Encode(json), writing);
  await removeUnused(servers, model, { paths, replaced, seq });
  return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
}

async function findReplaced(model: RemoteFile): Promise<Replaced> {
  try {
    const { etag } = await stat(model.session, model.apiPath);
    return { target: { exists: true, etag }, paths: await weightPathsOf(model) };
  } catch (error) {
    if (!isGdpfsError(error, 'not_found', 'not_a_directory')) throw error;
    return { target: { exists: false }, paths: [] };
  }
}

/** None if what is there is no model: it is replaced all the same. */
async function weightPathsOf(model: RemoteFile): Promise<string[]> {
  try {
    const { weightsManifest = [] } = await readModelJson(model);
    return weightsManifest.flatMap(({ paths }) => paths);
  } catch (error) {
    if (!isGdpfsError(error, 'corrupt')) throw error;
    return [];
  }
}

/** Returns the names of the weight files, in order. */
async function saveWeights(
  servers: Servers,
  model: RemoteFile,
  artifacts: io.ModelArtifacts,
  { shardBytes = SHARD_BYTES_DEFAULT }: ModelSaveOptions,
): Promise<string[]> {
  // The names tell how many files there are, before all weights have been seen.
  const known = weightBytes(artifacts.weightSpecs ?? []);
  const weights = known === undefined ? await gathered(weightsOf(artifacts)) : undefined;
  const bytes = known ?? weights?.reduce((sum, { byteLength }) => sum + byteLength, 0) ?? 0;
  const count = Math.ceil(bytes / shardBytes);
  const id = hexEncode(randomBytes(SAVE_ID_BYTES));
  const names: string[] = [];
  const shards = cutShards(weights ?? weightsOf(artifacts), {
    bytes,
    shardBytes,
    path: model.text,
  });
  await concurrently(shards, LIMITS.weightFilesAtOnce, async ({ index, data }) => {
    const name = `${prefixOf(model)}group1-shard${index + 1}of${count}-${id}.bin`;
    names[index] = name;
    const { session, apiPath } = await servers.locateText(beside(model.text, name));
    await writeFile(session, apiPath, data, { parents: true });
  });
  return names;
}

function weightsOf({ weightData, getWeightStream }: io.ModelArtifacts): Pieces {
  if (weightData !== undefined) return Array.isArray(weightData) ? weightData : [weightData];
  return getWeightStream?.() ?? [];
}

/**
 * What was there when the new `model.json` appeared: whoever was saving then will be refused, and
 * whoever began later uses other names.
 */
async function removeUnused(
  servers: Servers,
  model: RemoteFile,
  saved: { readonly paths: readonly string[]; readonly replaced: Replaced; readonly seq: number },
): Promise<void> {
  const { session, apiPath, text } = model;
  const own = new RegExp(`^${escaped(prefixOf(model))}group1-shard\\d+of\\d+-[0-9a-f]{16}\\.bin$`);
  const unused = new Set(saved.replaced.paths.filter((path) => CONVERTER_NAME.test(path)));
  for await (const { entries } of listPages(session, parentPath(apiPath), {
    at: String(saved.seq),
  })) {
    for (const { kind, name } of entries) if (kind === 'file' && own.test(name)) unused.add(name);
  }
  for (const path of saved.paths) unused.delete(path);
  await concurrently(unused, LIMITS.weightFilesAtOnce, async (name) => {
    const file = await servers.locateText(beside(text, name));
    try {
      await remove(session, file.apiPath);
    } catch (error) {
      if (!isGdpfsError(error, 'not_found')) throw error;
    }
  });
}

/** How other tools call their weight files. */
const CONVERTER_NAME = /^group\d+-shard\d+of\d+(?:\.bin)?$/;

/** Several models may be in one directory. */
function prefixOf({ apiPath }: RemoteFile): string {
  const name = baseName(apiPath).replace(/\.json$/, '');
  return name === 'model' ? '' : `${name}.`;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
