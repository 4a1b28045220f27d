import { assert } from '../base/errors.ts';
import { stateKey } from '../format/state-entry.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import { type StateChange, StateMap, type StateNodes } from '../format/state-map.ts';
import { keyRange, prefixRange, proveRanges, StateProof } from '../format/state-proof.ts';
import type { StateView } from '../format/state-view.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import {
  type Answer,
  answerTo,
  encodeRows,
  type EvidenceQuestion,
  type ProvenTree,
} from './evidence.ts';
import type { Sight } from './sight.ts';
import { overlay } from './state-overlay.ts';

/** Evidence for a reader of a part of the tree, and what a view has to say of it. */
export interface SeenEvidence extends Pick<StateEvidence, 'nodes' | 'entries' | 'last'> {
  readonly view: Pick<StateView, 'state' | 'directory' | 'isWhole'>;
}

/**
 * Nodes of a state map show names of others, in their labels. So who sees a part gets a map of that part:
 * of each directory that was looked into all names, where the reader may see all, else those that
 * were found. What is in it is proven from `state`, the root of the volume's own map, before it is taken
 * over, so that whoever signs the new root signs no word of the index alone. Throws `untrusted` if
 * the index says what `state` does not.
 */
export function seenEvidenceOf(
  tree: ProvenTree,
  sight: Sight,
  asked: EvidenceQuestion & { readonly state: Uint8Array },
): SeenEvidence {
  const answer = answerTo(tree, asked, sight);
  const { ranges, rows, looked, last } = answer;
  const nodes = partOf(tree.nodes, asked.state, { looked, sight });
  const directory = [...looked.keys()].at(-1) ?? ROOT_NODE;
  return {
    nodes: proveRanges(nodes, ranges),
    entries: encodeRows(rows),
    last,
    view: {
      state: new StateMap(nodes).root(),
      directory,
      isWhole: sight.namesIn(directory) === undefined,
    },
  };
}

/** A map with nothing in it but what was looked at. */
function partOf(
  nodes: StateNodes,
  state: Uint8Array,
  { looked, sight }: Pick<Answer, 'looked'> & { readonly sight: Sight },
): StateNodes {
  const places = [...looked].map(([directory, names]) => ({
    directory,
    names: sight.namesIn(directory) === undefined ? undefined : names,
  }));
  const ranges = places.flatMap(({ directory, names }) =>
    names === undefined ? [prefixRange(directory)] : names.map((name) => keyRange(directory, name)),
  );
  const proof = new StateProof(state, proveRanges(nodes, ranges));
  const parts: StateChange[] = [];
  for (const { directory, names } of places) {
    const whole = names === undefined ? proof.below(directory) : undefined;
    if (whole !== undefined) parts.push(whole);
    for (const name of names ?? []) {
      const hash = proof.leaf(directory, name);
      assert(hash !== undefined, 'what the index has is in the state map');
      parts.push({ key: stateKey(directory, name), hash });
    }
  }
  parts.sort((left, right) => Buffer.compare(left.key, right.key));
  // Below a node that was taken over everything is as in the whole map; above, nothing of that may show.
  const whole = parts.filter(({ isNode }) => isNode === true).map(({ key }) => key);
  const isBelow = (path: Uint8Array): boolean =>
    whole.some((top) => Buffer.compare(path.subarray(0, top.length), top) === 0);
  const part = overlay({ get: (path) => (isBelow(path) ? nodes.get(path) : undefined) });
  new StateMap(part).update(parts);
  return part;
}
