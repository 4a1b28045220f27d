import { sendChanges } from './change-sets.ts';
import { type VolumeTreeSourceOptions, volumeTreeSource } from './volume-tree-source.ts';
import type { VolumeSource } from './volume-source.ts';

/** Another directory of the same volume: the server gives its content a second name, no bytes move. */
export function sameVolumeSource(options: VolumeTreeSourceOptions): VolumeSource {
  const { from, to, tally, signal } = options;
  const tree = volumeTreeSource(options);
  return {
    ...tree,
    movesContent: false,
    partFileBytesMax: Number.MAX_SAFE_INTEGER,
    sendPart: async (part) => {
      const others = part.filter(({ kind }) => kind !== 'file');
      if (others.length > 0) await tree.sendPart(others);
      const copies = part.flatMap(({ kind, entry }) => {
        const { relative } = entry;
        const change = { op: 'copy', path: relative, to: relative } as const;
        return kind === 'file' ? [{ of: entry, change }] : [];
      });
      await sendChanges(copies, {
        directory: to,
        from: { copiesFrom: from.path, at: from.at },
        signal,
        onDone: ({ relative, size }) => {
          const path = `${to.path}/${relative}`;
          tally.addBytes(size);
          tally.fileDone({ path, size, bytesSent: 0, bytesReused: size });
        },
        onRefused: (entry, error) => tally.fail({ path: tree.nameOf(entry), error }),
      });
      tally.report();
    },
    sendFile: () => Promise.reject(new Error('bug: every file goes in a part')),
  };
}
