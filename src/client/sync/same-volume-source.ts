import { isGdpfsError } from '../../base/errors.ts';
import { parentPath } from '../../format/path.ts';
import { change, makeDirectory } from '../files.ts';
import { type VolumeTreeSourceOptions, volumeTreeSource } from './volume-tree-source.ts';
import type { VolumeSource } from './volume-source.ts';

/** Another directory of the same volume: the server gives its content a second name, no bytes move. */
export function sameVolumeSource(options: VolumeTreeSourceOptions): VolumeSource {
  const { from, to, signal } = options;
  const tree = volumeTreeSource(options);
  return {
    ...tree,
    // Only directories and links go in parts.
    partFileBytesMax: -1,
    sendFile: async (entry, { path, onProgress }) => {
      const copy = { op: 'copy', to: path, at: from.at } as const;
      try {
        await change(to.session, tree.nameOf(entry), copy, { signal });
      } catch (error) {
        if (!isGdpfsError(error, 'not_found')) throw error;
        // Its directory is on the way with a part that was not sent yet.
        await makeDirectory(to.session, parentPath(path), { parents: true, signal });
        await change(to.session, tree.nameOf(entry), copy, { signal });
      }
      onProgress(entry.size);
      return { size: entry.size, bytesSent: 0, bytesReused: entry.size };
    },
  };
}
