import { io } from '@tensorflow/tfjs-core';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { concurrently } from '../client/concurrently.ts';
import { listPage } from '../client/files.ts';
import { findVersion } from '../client/download.ts';
import { readFile } from '../client/read.ts';
import type { RemoteFile, Servers } from '../client/servers.ts';
import { parentPath } from '../format/path.ts';
import { beside, locateModel, type ModelJson, readModelJson, weightBytes } from './model-files.ts';

/** Options of TensorFlow.js that mean something here; the others are about HTTP. */
export type ModelLoadOptions = Pick<
  io.LoadOptions,
  'onProgress' | 'streamWeights' | 'weightPathPrefix' | 'weightUrlConverter'
>;

/** One file of weights, of the version that the model goes with. */
interface WeightFile extends RemoteFile {
  readonly size: number;
  readonly etag: string;
  readonly at: string | undefined;
}

/**
 * Loads a model, verified, as it is at one moment: a save that happens meanwhile changes nothing. With
 * `streamWeights` the weights are read when TensorFlow.js asks for them, a few pieces at a time;
 * without, they are in memory whole when this resolves.
 */
export async function loadModel(
  servers: Servers,
  url: string,
  options: ModelLoadOptions = {},
): Promise<io.ModelArtifacts> {
  const model = await locateModel(servers, url);
  const at = await presentOf(model);
  const json = await readModelJson(model, { at });
  const files = await findWeights(servers, { model, json, at }, options);
  const specs = json.weightsManifest === undefined ? [] : io.getWeightSpecs(json.weightsManifest);
  requireAll(model.text, files, specs);
  const progress = progressOf(files, options.onProgress);
  // TensorFlow.js takes no stream for a layers model, and would leave its weights as they are.
  if (options.streamWeights === true && json.format === 'graph-model') {
    const { weightData: _, ...artifacts } = artifactsOf(json, specs, []);
    return {
      ...artifacts,
      getWeightStream: () => ReadableStream.from(weightPieces(files, progress)),
    };
  }
  return artifactsOf(json, specs, await readAll(files, progress));
}

function artifactsOf(
  json: ModelJson,
  specs: io.WeightsManifestEntry[],
  data: ArrayBuffer[],
): io.ModelArtifacts {
  return io.getModelArtifactsForJSONSync(json as io.ModelJSON, specs, data);
}

function urlOf(model: RemoteFile, path: string, prefix: string | undefined): string {
  return prefix === undefined ? beside(model.text, path) : prefix + path;
}

/** The state of the volume in which the model is looked at. */
async function presentOf({ session, apiPath }: RemoteFile): Promise<string> {
  return String((await listPage(session, parentPath(apiPath), { limit: 1 })).seq);
}

async function findWeights(
  servers: Servers,
  { model, json, at }: { model: RemoteFile; json: ModelJson; at: string },
  { weightPathPrefix, weightUrlConverter }: ModelLoadOptions,
): Promise<WeightFile[]> {
  const paths = (json.weightsManifest ?? []).flatMap((group) => group.paths);
  const found: WeightFile[] = [];
  await concurrently(paths.entries(), LIMITS.weightFilesAtOnce, async ([index, path]) => {
    const url = (await weightUrlConverter?.(path)) ?? urlOf(model, path, weightPathPrefix);
    const file = await servers.locateText(url);
    const isBeside = file.session === model.session && file.remote.volume === model.remote.volume;
    const moment = isBeside ? at : undefined;
    const { size, etag } = await findVersion(file.session, { path: file.apiPath, at: moment });
    found[index] = { ...file, size, etag, at: moment };
  });
  return found;
}

function requireAll(
  path: string,
  files: readonly WeightFile[],
  specs: readonly io.WeightsManifestEntry[],
): void {
  const needed = weightBytes(specs);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (needed === undefined || needed === size) return;
  throw new GdpfsError(
    'corrupt',
    `cannot load the model of "${path}": its weight files have ${size} bytes, need ${needed}`,
  );
}

type Progress = (bytes: number) => void;

function progressOf(files: readonly WeightFile[], tell: io.LoadOptions['onProgress']): Progress {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  return (bytes) => {
    done += bytes;
    tell?.(size === 0 ? 1 : done / size);
  };
}

async function* weightPieces(
  files: readonly WeightFile[],
  progress: Progress,
): AsyncGenerator<ArrayBuffer, void, void> {
  for (const { session, apiPath, ...version } of files) {
    for await (const piece of readFile(session, apiPath, { version, at: version.at })) {
      progress(piece.length);
      yield new Uint8Array(piece).buffer;
    }
  }
}

async function readAll(files: readonly WeightFile[], progress: Progress): Promise<ArrayBuffer[]> {
  const buffers: ArrayBuffer[] = [];
  await concurrently(files.entries(), LIMITS.weightFilesAtOnce, async ([index, file]) => {
    const { session, apiPath, ...version } = file;
    const bytes = new Uint8Array(file.size);
    let position = 0;
    for await (const piece of readFile(session, apiPath, { version, at: version.at })) {
      bytes.set(piece, position);
      position += piece.length;
      progress(piece.length);
    }
    buffers[index] = bytes.buffer;
  });
  return buffers;
}
