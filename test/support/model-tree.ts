/**
 * A volume as a plain tree in memory: what src/fs must do, written without any of it. Changes are
 * strings and numbers only, so that they print well.
 */
import {
  type Attributes,
  type ModelChunk,
  type ModelContent,
  type ModelEntry,
  type ModelNode,
  ModelNodes,
  type Place,
  Refused,
  ROOT,
  type Shape,
} from './model-nodes.ts';

/** A state of the past, as an index into what the volume has been. */
export interface PastState {
  readonly state: number;
}

export type ModelChange =
  | ({ readonly kind: 'mkdir'; readonly path: string; readonly parents: boolean } & Attributes)
  | ({
      readonly kind: 'symlink';
      readonly path: string;
      readonly target: string;
      readonly parents: boolean;
    } & Attributes)
  | ({
      readonly kind: 'put';
      readonly path: string;
      readonly pieces: readonly (string | { readonly hole: number })[];
      readonly parents: boolean;
      readonly condition?: 'absent' | 'same' | 'other';
    } & Attributes)
  | {
      readonly kind: 'rename';
      readonly path: string;
      readonly to: string;
      readonly absent: boolean;
    }
  | {
      readonly kind: 'copy';
      readonly path: string;
      readonly to: string;
      readonly recursive: boolean;
      readonly at?: PastState;
    }
  | {
      readonly kind: 'remove';
      readonly path: string;
      readonly recursive: boolean;
      readonly only?: 'file' | 'directory';
    }
  | { readonly kind: 'set'; readonly path: string; readonly attributes: Attributes }
  | { readonly kind: 'restore'; readonly path: string; readonly at: PastState };

/** One state. `copy` before every change: a refused one must leave no trace. */
export class ModelTree {
  readonly #nodes: ModelNodes;

  constructor(nodes: ModelNodes = new ModelNodes()) {
    this.#nodes = nodes;
  }

  copy(): ModelTree {
    return new ModelTree(this.#nodes.copy());
  }

  /** Everything below the root, parents first; in no order beyond that. */
  entries(): ModelEntry[] {
    return this.#nodes.entries();
  }

  file(path: string): ModelContent | undefined {
    const node = this.#nodes.lookup(path);
    return node?.kind === 'file' ? node.content : undefined;
  }

  /** Throws `Refused` unless `path` is a file that can be written. */
  requireFile(path: string): void {
    this.#nodes.writable(path);
  }

  /** Makes the change or throws `Refused`, perhaps half-way. */
  apply(change: ModelChange, past: readonly ModelTree[], nowUs: number): void {
    const { path } = change;
    switch (change.kind) {
      case 'mkdir':
        return this.#mkdir(change, nowUs);
      case 'symlink': {
        const { parent, name } = this.#targetOf(change, nowUs);
        const old = this.#nodes.childOf(parent, name);
        const kept = this.#nodes.kindOf(old) === 'symlink' ? old : undefined;
        const { target } = change;
        return this.#nodes.place(
          { parent, name, number: kept },
          this.#fresh({ kind: 'symlink', target }, change, nowUs),
        );
      }
      case 'put':
        return this.#put(change, nowUs);
      case 'rename':
        return this.#rename(change);
      case 'copy':
        return this.#copyTo(change, past[change.at?.state ?? past.length - 1] ?? this, nowUs);
      case 'remove':
        return this.#remove(change);
      case 'set': {
        const node = this.#nodes.node(this.#nodes.existing(path));
        node.mode = change.attributes.mode ?? node.mode;
        node.mtimeUs = change.attributes.mtimeUs ?? node.mtimeUs;
        return;
      }
      case 'restore':
        return this.#restore(path, past[change.at.state] ?? this);
    }
  }

  /** Rewrites a file from `offset` on. `text` of '' makes it end there. */
  extend(path: string, change: { offset: number; text: string; nowUs: number }): void {
    const { offset, text, nowUs } = change;
    const node = this.#nodes.writable(path);
    const isCut = node.content.chunks.some(
      (chunk) => chunk.offset < offset && offset < chunk.offset + chunk.text.length,
    );
    if (isCut) throw new Refused('bad_request');
    const chunks = node.content.chunks.filter((chunk) => chunk.offset < offset);
    if (text !== '') chunks.push({ offset, text });
    node.content = { size: offset + text.length, chunks };
    node.mtimeUs = nowUs;
  }

  truncate(path: string, size: number, nowUs: number): void {
    const node = this.#nodes.writable(path);
    const chunks = node.content.chunks
      .map(({ offset, text }) => ({ offset, text: text.slice(0, Math.max(0, size - offset)) }))
      .filter(({ text }) => text !== '');
    node.content = { size, chunks };
    node.mtimeUs = nowUs;
  }

  #mkdir(change: Extract<ModelChange, { kind: 'mkdir' }>, nowUs: number): void {
    const { path, parents } = change;
    if (parents) {
      const existing = this.#makeDirectories(path, change, nowUs);
      if (existing === undefined || existing === ROOT) return;
      const node = this.#nodes.node(existing);
      const { mode, mtimeUs } = change;
      node.mode = mode ?? node.mode;
      node.mtimeUs = mtimeUs ?? node.mtimeUs;
      return;
    }
    if (path === '') throw new Refused('exists');
    const { parent, name } = this.#nodes.placeOf(path);
    if (this.#nodes.childOf(parent, name) !== undefined) throw new Refused('exists');
    const directory = this.#fresh({ kind: 'directory', children: new Map() }, change, nowUs);
    this.#nodes.place({ parent, name }, directory);
  }

  #put(change: Extract<ModelChange, { kind: 'put' }>, nowUs: number): void {
    const { parent, name } = this.#targetOf(change, nowUs);
    const old = this.#nodes.childOf(parent, name);
    const oldNode = old === undefined ? undefined : this.#nodes.node(old);
    if (change.condition === 'absent' && old !== undefined) throw new Refused('exists');
    if (change.condition === 'other') throw new Refused('changed');
    if (change.condition === 'same' && oldNode?.kind !== 'file') throw new Refused('changed');
    const kept = oldNode?.kind === 'file' ? oldNode : undefined;
    const node = this.#fresh({ kind: 'file', content: contentOf(change.pieces) }, change, nowUs);
    if (change.mode === undefined && kept !== undefined) node.mode = kept.mode;
    this.#nodes.place({ parent, name, number: kept === undefined ? undefined : old }, node);
  }

  #rename(change: Extract<ModelChange, { kind: 'rename' }>): void {
    const { path, to, absent } = change;
    const source = this.#nodes.existing(path);
    if (to === '') throw new Refused('exists');
    const { parent, name } = this.#nodes.placeOf(to);
    const target = this.#nodes.childOf(parent, name);
    if (absent && target !== undefined) throw new Refused('exists');
    if (target === source) return;
    const sourceIsDirectory = this.#nodes.kindOf(source) === 'directory';
    if (target !== undefined) {
      const node = this.#nodes.node(target);
      if (node.kind === 'directory' && !sourceIsDirectory) throw new Refused('is_a_directory');
      if (node.kind !== 'directory' && sourceIsDirectory) throw new Refused('not_a_directory');
      if (node.kind === 'directory' && node.children.size > 0) throw new Refused('not_empty');
    }
    if (sourceIsDirectory && this.#nodes.contains(source, parent)) throw new Refused('bad_request');
    this.#nodes.detach(source);
    this.#nodes.childrenOf(parent).set(name, source);
  }

  #copyTo(change: Extract<ModelChange, { kind: 'copy' }>, source: ModelTree, nowUs: number): void {
    const { path, to } = change;
    // The source is looked at as it is, unless a past state is asked for.
    const from = change.at === undefined ? this : source;
    const number = path === '' ? ROOT : from.#nodes.find(path);
    const original = from.#nodes.node(number);
    if (original.kind === 'directory') {
      if (!change.recursive) throw new Refused('is_a_directory');
      if (to === '') throw new Refused('exists');
      const place = this.#nodes.placeOf(to);
      if (this.#nodes.childOf(place.parent, place.name) !== undefined) throw new Refused('exists');
      if (number === ROOT || this.#nodes.contains(number, place.parent))
        throw new Refused('bad_request');
      this.#graft(from.copy(), number, place, nowUs);
      return;
    }
    const place = this.#targetOf({ path: to, parents: false }, nowUs);
    const old = this.#nodes.childOf(place.parent, place.name);
    const kept = this.#nodes.kindOf(old) === original.kind ? old : undefined;
    this.#nodes.place({ ...place, number: kept }, structuredClone(original));
  }

  /** Copies a node and all below it out of another tree. */
  #graft(from: ModelTree, number: number, place: Place, nowUs: number): void {
    const original = from.#nodes.node(number);
    if (original.kind !== 'directory') return this.#nodes.place(place, structuredClone(original));
    this.#nodes.place(place, { ...original, children: new Map() });
    const parent = this.#nodes.childOf(place.parent, place.name) ?? ROOT;
    for (const [name, child] of original.children)
      this.#graft(from, child, { parent, name }, nowUs);
  }

  #remove(change: Extract<ModelChange, { kind: 'remove' }>): void {
    const number = this.#nodes.existing(change.path);
    const node = this.#nodes.node(number);
    const isDirectory = node.kind === 'directory';
    if (change.only === 'directory' && !isDirectory) throw new Refused('not_a_directory');
    if (change.only === 'file' && isDirectory) throw new Refused('is_a_directory');
    if (isDirectory && !change.recursive && node.children.size > 0) throw new Refused('not_empty');
    this.#nodes.detach(number);
  }

  #restore(path: string, past: ModelTree): void {
    if (path === '') throw new Refused('bad_request');
    const number = past.#nodes.find(path);
    const old = past.#nodes.node(number);
    const place = this.#nodes.placeOf(path);
    const standing = this.#nodes.childOf(place.parent, place.name);
    if (standing !== undefined) {
      const kind = this.#nodes.kindOf(standing);
      if (kind === 'directory' || kind !== old.kind) throw new Refused('exists');
      return this.#nodes.place({ ...place, number: standing }, structuredClone(old));
    }
    if (!this.#nodes.contains(ROOT, number)) {
      // It comes back as itself, with what is below it now, be that out of a removed directory.
      const gone = this.#nodes.node(number);
      this.#nodes.detach(number);
      const back =
        gone.kind === 'directory'
          ? { ...gone, mode: old.mode, mtimeUs: old.mtimeUs }
          : structuredClone(old);
      return this.#nodes.place({ ...place, number }, back);
    }
    if (old.kind === 'directory') throw new Refused('exists');
    this.#nodes.place(place, structuredClone(old));
  }

  #fresh(shape: Shape, attributes: Attributes, nowUs: number): ModelNode {
    const mode = { directory: 0o755, file: 0o644, symlink: 0o777 }[shape.kind];
    return {
      ...shape,
      mode: attributes.mode ?? mode,
      mtimeUs: attributes.mtimeUs ?? nowUs,
    };
  }

  /** Number of the directory if it was there already. */
  #makeDirectories(path: string, attributes: Attributes, nowUs: number): number | undefined {
    let number: number = ROOT;
    let existed = true;
    const names = path === '' ? [] : path.split('/');
    for (const [index, name] of names.entries()) {
      if (this.#nodes.kindOf(number) !== 'directory') throw new Refused('not_a_directory');
      const child = this.#nodes.childOf(number, name);
      existed = child !== undefined;
      if (child === undefined) {
        const own = index === names.length - 1 ? attributes : {};
        const directory = this.#fresh({ kind: 'directory', children: new Map() }, own, nowUs);
        this.#nodes.place({ parent: number, name }, directory);
      }
      number = this.#nodes.childOf(number, name) ?? ROOT;
    }
    if (this.#nodes.kindOf(number) !== 'directory') throw new Refused('not_a_directory');
    return existed ? number : undefined;
  }

  /** Where something that is not a directory may be put. */
  #targetOf(change: { readonly path: string; readonly parents: boolean }, nowUs: number): Place {
    const { path, parents } = change;
    if (path === '') throw new Refused('is_a_directory');
    if (parents && path.includes('/')) {
      this.#makeDirectories(path.slice(0, path.lastIndexOf('/')), {}, nowUs);
    }
    const place = this.#nodes.placeOf(path);
    const old = this.#nodes.childOf(place.parent, place.name);
    if (this.#nodes.kindOf(old) === 'directory') throw new Refused('is_a_directory');
    return place;
  }
}

function contentOf(pieces: readonly (string | { readonly hole: number })[]): ModelContent {
  const chunks: ModelChunk[] = [];
  let size = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') chunks.push({ offset: size, text: piece });
    size += typeof piece === 'string' ? piece.length : piece.hole;
  }
  return { size, chunks };
}
