/**
 * A volume as a plain tree in memory: what src/fs must do, written without any of it. Nodes are
 * numbered in a table; a directory maps names to numbers. A removed node stays in the table, with
 * its children, out of reach. Changes are strings and numbers only, so that they print well.
 */
import type { ErrorCode } from '../../src/base/errors.ts';

/** One chunk: where it begins, and its bytes as ASCII. */
interface ModelChunk {
  readonly offset: number;
  readonly text: string;
}

export interface ModelContent {
  readonly size: number;
  readonly chunks: readonly ModelChunk[];
}

type Shape =
  | { readonly kind: 'directory'; readonly children: Map<string, number> }
  | { readonly kind: 'file'; content: ModelContent }
  | { readonly kind: 'symlink'; readonly target: string };

type ModelNode = Shape & { mode: number; mtimeUs: number };

interface Attributes {
  readonly mode?: number;
  readonly mtimeUs?: number;
}

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

export interface ModelEntry {
  readonly path: string;
  readonly kind: Shape['kind'];
  /** The model's own number of the node. */
  readonly node: number;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly content?: ModelContent;
  readonly target?: string;
}

/** Thrown for a change that is refused. */
export class Refused extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}

const ROOT = 0;

/** One state. `copy` before every change: a refused one must leave no trace. */
export class ModelTree {
  readonly #nodes: Map<number, ModelNode>;
  #count: number;

  constructor(nodes: Map<number, ModelNode> = new Map(), count = 1) {
    this.#nodes = nodes;
    this.#count = count;
    if (nodes.size === 0) {
      nodes.set(ROOT, { kind: 'directory', children: new Map(), mode: 0o755, mtimeUs: 0 });
    }
  }

  copy(): ModelTree {
    return new ModelTree(structuredClone(this.#nodes), this.#count);
  }

  /** Everything below the root, parents first; in no order beyond that. */
  entries(): ModelEntry[] {
    return this.#below(ROOT, '');
  }

  file(path: string): ModelContent | undefined {
    const node = this.#lookup(path);
    return node?.kind === 'file' ? node.content : undefined;
  }

  /** Throws `Refused` unless `path` is a file that can be written. */
  requireFile(path: string): void {
    this.#writable(path);
  }

  /** Makes the change or throws `Refused`, perhaps half-way. */
  apply(change: ModelChange, past: readonly ModelTree[], nowUs: number): void {
    const { path } = change;
    switch (change.kind) {
      case 'mkdir':
        return this.#mkdir(change, nowUs);
      case 'symlink': {
        const { parent, name } = this.#targetOf(change, nowUs);
        const old = this.#childOf(parent, name);
        const kept = this.#kindOf(old) === 'symlink' ? old : undefined;
        const { target } = change;
        return this.#place(
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
        const node = this.#node(this.#existing(path));
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
    const node = this.#writable(path);
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
    const node = this.#writable(path);
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
      const node = this.#node(existing);
      const { mode, mtimeUs } = change;
      node.mode = mode ?? node.mode;
      node.mtimeUs = mtimeUs ?? node.mtimeUs;
      return;
    }
    if (path === '') throw new Refused('exists');
    const { parent, name } = this.#placeOf(path);
    if (this.#childOf(parent, name) !== undefined) throw new Refused('exists');
    const directory = this.#fresh({ kind: 'directory', children: new Map() }, change, nowUs);
    this.#place({ parent, name }, directory);
  }

  #put(change: Extract<ModelChange, { kind: 'put' }>, nowUs: number): void {
    const { parent, name } = this.#targetOf(change, nowUs);
    const old = this.#childOf(parent, name);
    const oldNode = old === undefined ? undefined : this.#node(old);
    if (change.condition === 'absent' && old !== undefined) throw new Refused('exists');
    if (change.condition === 'other') throw new Refused('changed');
    if (change.condition === 'same' && oldNode?.kind !== 'file') throw new Refused('changed');
    const kept = oldNode?.kind === 'file' ? oldNode : undefined;
    const node = this.#fresh({ kind: 'file', content: contentOf(change.pieces) }, change, nowUs);
    if (change.mode === undefined && kept !== undefined) node.mode = kept.mode;
    this.#place({ parent, name, number: kept === undefined ? undefined : old }, node);
  }

  #rename(change: Extract<ModelChange, { kind: 'rename' }>): void {
    const { path, to, absent } = change;
    const source = this.#existing(path);
    if (to === '') throw new Refused('exists');
    const { parent, name } = this.#placeOf(to);
    const target = this.#childOf(parent, name);
    if (absent && target !== undefined) throw new Refused('exists');
    if (target === source) return;
    const sourceIsDirectory = this.#kindOf(source) === 'directory';
    if (target !== undefined) {
      const node = this.#node(target);
      if (node.kind === 'directory' && !sourceIsDirectory) throw new Refused('is_a_directory');
      if (node.kind !== 'directory' && sourceIsDirectory) throw new Refused('not_a_directory');
      if (node.kind === 'directory' && node.children.size > 0) throw new Refused('not_empty');
    }
    if (sourceIsDirectory && this.#contains(source, parent)) throw new Refused('bad_request');
    this.#detach(source);
    this.#childrenOf(parent).set(name, source);
  }

  #copyTo(change: Extract<ModelChange, { kind: 'copy' }>, source: ModelTree, nowUs: number): void {
    const { path, to } = change;
    // The source is looked at as it is, unless a past state is asked for.
    const from = change.at === undefined ? this : source;
    const number = path === '' ? ROOT : from.#find(path);
    const original = from.#node(number);
    if (original.kind === 'directory') {
      if (!change.recursive) throw new Refused('is_a_directory');
      if (to === '') throw new Refused('exists');
      const place = this.#placeOf(to);
      if (this.#childOf(place.parent, place.name) !== undefined) throw new Refused('exists');
      if (number === ROOT || this.#contains(number, place.parent)) throw new Refused('bad_request');
      this.#graft(from.copy(), number, place, nowUs);
      return;
    }
    const place = this.#targetOf({ path: to, parents: false }, nowUs);
    const old = this.#childOf(place.parent, place.name);
    const kept = this.#kindOf(old) === original.kind ? old : undefined;
    this.#place({ ...place, number: kept }, structuredClone(original));
  }

  /** Copies a node and all below it out of another tree. */
  #graft(from: ModelTree, number: number, place: Place, nowUs: number): void {
    const original = from.#node(number);
    if (original.kind !== 'directory') return this.#place(place, structuredClone(original));
    this.#place(place, { ...original, children: new Map() });
    const parent = this.#childOf(place.parent, place.name) ?? ROOT;
    for (const [name, child] of original.children)
      this.#graft(from, child, { parent, name }, nowUs);
  }

  #remove(change: Extract<ModelChange, { kind: 'remove' }>): void {
    const number = this.#existing(change.path);
    const node = this.#node(number);
    const isDirectory = node.kind === 'directory';
    if (change.only === 'directory' && !isDirectory) throw new Refused('not_a_directory');
    if (change.only === 'file' && isDirectory) throw new Refused('is_a_directory');
    if (isDirectory && !change.recursive && node.children.size > 0) throw new Refused('not_empty');
    this.#detach(number);
  }

  #restore(path: string, past: ModelTree): void {
    if (path === '') throw new Refused('bad_request');
    const number = past.#find(path);
    const old = past.#node(number);
    const place = this.#placeOf(path);
    const standing = this.#childOf(place.parent, place.name);
    if (standing !== undefined) {
      const kind = this.#kindOf(standing);
      if (kind === 'directory' || kind !== old.kind) throw new Refused('exists');
      return this.#place({ ...place, number: standing }, structuredClone(old));
    }
    if (!this.#contains(ROOT, number)) {
      // It comes back as itself, with what is below it now, be that out of a removed directory.
      const gone = this.#node(number);
      this.#detach(number);
      const back =
        gone.kind === 'directory'
          ? { ...gone, mode: old.mode, mtimeUs: old.mtimeUs }
          : structuredClone(old);
      return this.#place({ ...place, number }, back);
    }
    if (old.kind === 'directory') throw new Refused('exists');
    this.#place(place, structuredClone(old));
  }

  #fresh(shape: Shape, attributes: Attributes, nowUs: number): ModelNode {
    const mode = { directory: 0o755, file: 0o644, symlink: 0o777 }[shape.kind];
    return {
      ...shape,
      mode: attributes.mode ?? mode,
      mtimeUs: attributes.mtimeUs ?? nowUs,
    };
  }

  #place({ parent, name, number }: Place, node: ModelNode): void {
    const assigned = number ?? this.#count;
    if (number === undefined) this.#count += 1;
    this.#nodes.set(assigned, node);
    this.#childrenOf(parent).set(name, assigned);
  }

  #detach(number: number): void {
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'directory') continue;
      for (const [name, child] of node.children) if (child === number) node.children.delete(name);
    }
  }

  /** Number of the directory if it was there already. */
  #makeDirectories(path: string, attributes: Attributes, nowUs: number): number | undefined {
    let number: number = ROOT;
    let existed = true;
    const names = path === '' ? [] : path.split('/');
    for (const [index, name] of names.entries()) {
      if (this.#kindOf(number) !== 'directory') throw new Refused('not_a_directory');
      const child = this.#childOf(number, name);
      existed = child !== undefined;
      if (child === undefined) {
        const own = index === names.length - 1 ? attributes : {};
        const directory = this.#fresh({ kind: 'directory', children: new Map() }, own, nowUs);
        this.#place({ parent: number, name }, directory);
      }
      number = this.#childOf(number, name) ?? ROOT;
    }
    if (this.#kindOf(number) !== 'directory') throw new Refused('not_a_directory');
    return existed ? number : undefined;
  }

  /** Where something that is not a directory may be put. */
  #targetOf(change: { readonly path: string; readonly parents: boolean }, nowUs: number): Place {
    const { path, parents } = change;
    if (path === '') throw new Refused('is_a_directory');
    if (parents && path.includes('/')) {
      this.#makeDirectories(path.slice(0, path.lastIndexOf('/')), {}, nowUs);
    }
    const place = this.#placeOf(path);
    const old = this.#childOf(place.parent, place.name);
    if (this.#kindOf(old) === 'directory') throw new Refused('is_a_directory');
    return place;
  }

  #placeOf(path: string): { readonly parent: number; readonly name: string } {
    const names = path.split('/');
    const name = names.pop() ?? '';
    let parent: number = ROOT;
    for (const step of names) {
      const child = this.#childOf(parent, step);
      if (child === undefined) throw new Refused('not_found');
      if (this.#kindOf(child) !== 'directory') throw new Refused('not_a_directory');
      parent = child;
    }
    return { parent, name };
  }

  #find(path: string): number {
    const { parent, name } = this.#placeOf(path);
    const number = this.#childOf(parent, name);
    if (number === undefined) throw new Refused('not_found');
    return number;
  }

  #existing(path: string): number {
    if (path === '') throw new Refused('bad_request');
    return this.#find(path);
  }

  #writable(path: string): Extract<ModelNode, { kind: 'file' }> {
    const node = this.#node(path === '' ? ROOT : this.#find(path));
    if (node.kind === 'directory') throw new Refused('is_a_directory');
    if (node.kind === 'symlink') throw new Refused('not_a_file');
    return node;
  }

  #lookup(path: string): ModelNode | undefined {
    try {
      return this.#node(path === '' ? ROOT : this.#find(path));
    } catch (error) {
      if (error instanceof Refused) return undefined;
      throw error;
    }
  }

  #node(number: number): ModelNode {
    const node = this.#nodes.get(number);
    if (node === undefined) throw new Error(`the model has no node ${number}`);
    return node;
  }

  #kindOf(number: number | undefined): Shape['kind'] | undefined {
    return number === undefined ? undefined : this.#node(number).kind;
  }

  #childrenOf(number: number): Map<string, number> {
    const node = this.#node(number);
    if (node.kind !== 'directory') throw new Error(`node ${number} of the model has no children`);
    return node.children;
  }

  #childOf(parent: number, name: string): number | undefined {
    return this.#childrenOf(parent).get(name);
  }

  /** Is `number` at or below `top`? */
  #contains(top: number, number: number): boolean {
    if (top === number) return true;
    const node = this.#node(top);
    if (node.kind !== 'directory') return false;
    return [...node.children.values()].some((child) => this.#contains(child, number));
  }

  #below(number: number, path: string): ModelEntry[] {
    const node = this.#node(number);
    if (node.kind !== 'directory') return [];
    return [...node.children].flatMap(([name, child]) => {
      const childPath = path === '' ? name : `${path}/${name}`;
      const below = this.#node(child);
      const { kind, mode, mtimeUs } = below;
      const entry = {
        path: childPath,
        kind,
        node: child,
        mode,
        mtimeUs,
        ...(below.kind === 'file' ? { content: below.content } : {}),
        ...(below.kind === 'symlink' ? { target: below.target } : {}),
      };
      return [entry, ...this.#below(child, childPath)];
    });
  }
}

interface Place {
  readonly parent: number;
  readonly name: string;
  /** The node that stays itself; a new one if absent. */
  readonly number?: number | undefined;
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
