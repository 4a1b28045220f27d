import type { io } from '@tensorflow/tfjs-core';
import { utf8Decode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { readFile, type ReadOptions } from '../client/read.ts';
import type { RemoteFile, Servers } from '../client/servers.ts';

/**
 * A model as the TensorFlow.js converter lays it out: `model.json` with the topology and the list of
 * weights, and the weights themselves, one behind the other, in files beside it.
 */

const MODEL_JSON = 'model.json';

/**
 * Where the model of a `gdp://` path is: the path itself if it ends in `.json`, otherwise it is the
 * directory that holds `model.json`.
 */
function modelJsonUrl(url: string): string {
  return url.endsWith('.json') ? url : `${url.replace(/\/$/, '')}/${MODEL_JSON}`;
}

/** A file beside another one. `name` may have directories in it. */
export function beside(url: string, name: string): string {
  return url.slice(0, url.lastIndexOf('/') + 1) + name.replace(/^(?:\.\/)+/, '');
}

export async function locateModel(servers: Servers, url: string): Promise<RemoteFile> {
  return await servers.locateText(modelJsonUrl(url));
}

/** As in the file: a model without weights has no list of them. */
export type ModelJson = Omit<io.ModelJSON, 'weightsManifest'> & Partial<io.ModelJSON>;

/** Throws `corrupt` if it is none. */
export async function readModelJson(
  { session, apiPath, text }: RemoteFile,
  options: ReadOptions = {},
): Promise<ModelJson> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readFile(session, apiPath, options)) {
    size += piece.length;
    if (size > LIMITS.modelJsonBytesMax)
      throw noModel(text, `it is larger than ${LIMITS.modelJsonBytesMax} bytes`);
    pieces.push(piece);
  }
  let model: Partial<io.ModelJSON> | null;
  try {
    model = JSON.parse(utf8Decode(Buffer.concat(pieces))) as Partial<io.ModelJSON> | null;
  } catch (cause) {
    throw noModel(text, 'it is not JSON', cause);
  }
  const groups: unknown = model?.weightsManifest ?? [];
  const isModel = typeof model === 'object' && (model?.modelTopology ?? model?.weightsManifest);
  if (!isModel || !Array.isArray(groups) || !groups.every(isGroup)) {
    throw noModel(text, 'it has neither a topology nor a list of weights');
  }
  return model as ModelJson;
}

function isGroup(group: unknown): group is io.WeightsManifestConfig[number] {
  if (typeof group !== 'object' || group === null) return false;
  const { paths, weights } = group as Record<string, unknown>;
  return (
    Array.isArray(paths) &&
    paths.every((path) => typeof path === 'string') &&
    Array.isArray(weights)
  );
}

function noModel(path: string, state: string, cause?: unknown): GdpfsError {
  return new GdpfsError('corrupt', `cannot load the model of "${path}": ${state}`, { cause });
}

/** Bytes of one value. */
const VALUE_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  complex64: 8,
  float16: 2,
  uint16: 2,
  uint8: 1,
};

/** Bytes that the weights take; undefined if only they themselves say it, as texts do. */
export function weightBytes(specs: readonly io.WeightsManifestEntry[]): number | undefined {
  let bytes = 0;
  for (const { shape, dtype, quantization } of specs) {
    const valueBytes = VALUE_BYTES[quantization?.dtype ?? dtype];
    if (valueBytes === undefined) return undefined;
    bytes += shape.reduce((product, length) => product * length, valueBytes);
  }
  return bytes;
}
