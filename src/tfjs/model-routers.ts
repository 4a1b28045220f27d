import { io } from '@tensorflow/tfjs-core';
import type { Servers } from '../client/servers.ts';
import { loadModel, type ModelLoadOptions } from './model-load.ts';
import { type ModelSaveOptions, saveModel } from './model-save.ts';

/**
 * A model in a volume, for `model.save(handler)`, `tf.loadLayersModel(handler)` and
 * `tf.loadGraphModel(handler)`. `url` is `gdp://VOLUME/PATH` of a directory, or of the JSON file in it.
 */
export function modelHandler(
  servers: Servers,
  url: string,
  options: ModelLoadOptions & ModelSaveOptions = {},
): io.IOHandler {
  return {
    save: (artifacts) => saveModel(servers, url, artifacts, options),
    load: () => loadModel(servers, url, options),
  };
}

/** TensorFlow.js keeps routers for ever: these look here whose servers they are for. */
let routed: Servers | undefined;

/**
 * From now on TensorFlow.js takes `gdp://` wherever it takes the URL of a model, through `servers`, or
 * those of the last call.
 */
export function registerModelRouters(servers: Servers): void {
  const isFirst = routed === undefined;
  routed = servers;
  if (!isFirst) return;
  const route: Parameters<typeof io.registerLoadRouter>[0] = (url, loadOptions) => {
    if (typeof url !== 'string' || !url.startsWith('gdp://') || routed === undefined) {
      // Not ours, its documentation says; its types do not.
      return null as unknown as io.IOHandler;
    }
    return modelHandler(routed, url, loadOptions);
  };
  io.registerSaveRouter(route);
  io.registerLoadRouter(route);
}
