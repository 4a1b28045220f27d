import { asBuffer } from '../base/bytes.ts';
import type { StateNodes } from '../format/state-map.ts';

/** Nodes in memory, over others that they hide and that stay as they are. */
export function overlay(below?: Pick<StateNodes, 'get'>): StateNodes {
  const own = new Map<string, Uint8Array | undefined>();
  const nameOf = (path: Uint8Array): string => asBuffer(path).toString('latin1');
  return {
    get(path) {
      const name = nameOf(path);
      return own.has(name) ? own.get(name) : below?.get(path);
    },
    set: (path, node) => void own.set(nameOf(path), node),
    delete: (path) => void own.set(nameOf(path), undefined),
  };
}
