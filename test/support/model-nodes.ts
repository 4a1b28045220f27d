/**
 * What a model of a volume consists of: nodes, numbered in a table; a directory maps names to
 * numbers. A removed node stays in the table, with its children, out of reach.
 */
import type { ErrorCode } from '../../src/base/errors.ts';

/** One chunk: where it begins, and its bytes as ASCII. */
export interface ModelChunk {
  readonly offset: number;
  readonly text: string;
}

export interface ModelContent {
  readonly size: number;
  readonly chunks: readonly ModelChunk[];
}

export type Shape =
  | { readonly kind: 'directory'; readonly children: Map<string, number> }
  | { readonly kind: 'file'; content: ModelContent }
  | { readonly kind: 'symlink'; readonly target: string };

export type ModelNode = Shape & { mode: number; mtimeUs: number };

export interface Attributes {
  readonly mode?: number;
  readonly mtimeUs?: number;
}

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

export interface Place {
  readonly parent: number;
  readonly name: string;
  /** The node that stays itself; a new one if absent. */
  readonly number?: number | undefined;
}

export const ROOT = 0;

/** All nodes of one state, and how they are found. */
export class ModelNodes {
  readonly #nodes: Map<number, ModelNode>;
  #count: number;

  constructor(nodes: Map<number, ModelNode> = new Map(), count = 1) {
    this.#nodes = nodes;
    this.#count = count;
    if (nodes.size === 0) {
      nodes.set(ROOT, { kind: 'directory', children: new Map(), mode: 0o755, mtimeUs: 0 });
    }
  }

  copy(): ModelNodes {
    return new ModelNodes(structuredClone(this.#nodes), this.#count);
  }

  /** Everything below the root, parents first; in no order beyond that. */
  entries(): ModelEntry[] {
    return this.#below(ROOT, '');
  }

  /** Puts a node at a place, over what stood there. */
  place({ parent, name, number }: Place, node: ModelNode): void {
    const assigned = number ?? this.#count;
    if (number === undefined) this.#count += 1;
    this.#nodes.set(assigned, node);
    this.childrenOf(parent).set(name, assigned);
  }

  /** Takes a node out of the directory that it is in. */
  detach(number: number): void {
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'directory') continue;
      for (const [name, child] of node.children) if (child === number) node.children.delete(name);
    }
  }

  /** Where `path` is or would be. Throws `Refused` if there is no such directory. */
  placeOf(path: string): { readonly parent: number; readonly name: string } {
    const names = path.split('/');
    const name = names.pop() ?? '';
    let parent: number = ROOT;
    for (const step of names) {
      const child = this.childOf(parent, step);
      if (child === undefined) throw new Refused('not_found');
      if (this.kindOf(child) !== 'directory') throw new Refused('not_a_directory');
      parent = child;
    }
    return { parent, name };
  }

  find(path: string): number {
    const { parent, name } = this.placeOf(path);
    const number = this.childOf(parent, name);
    if (number === undefined) throw new Refused('not_found');
    return number;
  }

  /** `find` for a change of what is there, which the root is not. */
  existing(path: string): number {
    if (path === '') throw new Refused('bad_request');
    return this.find(path);
  }

  writable(path: string): Extract<ModelNode, { kind: 'file' }> {
    const node = this.node(path === '' ? ROOT : this.find(path));
    if (node.kind === 'directory') throw new Refused('is_a_directory');
    if (node.kind === 'symlink') throw new Refused('not_a_file');
    return node;
  }

  lookup(path: string): ModelNode | undefined {
    try {
      return this.node(path === '' ? ROOT : this.find(path));
    } catch (error) {
      if (error instanceof Refused) return undefined;
      throw error;
    }
  }

  node(number: number): ModelNode {
    const node = this.#nodes.get(number);
    if (node === undefined) throw new Error(`the model has no node ${number}`);
    return node;
  }

  kindOf(number: number | undefined): Shape['kind'] | undefined {
    return number === undefined ? undefined : this.node(number).kind;
  }

  childrenOf(number: number): Map<string, number> {
    const node = this.node(number);
    if (node.kind !== 'directory') throw new Error(`node ${number} of the model has no children`);
    return node.children;
  }

  childOf(parent: number, name: string): number | undefined {
    return this.childrenOf(parent).get(name);
  }

  /** Is `number` at or below `top`? */
  contains(top: number, number: number): boolean {
    if (top === number) return true;
    const node = this.node(top);
    if (node.kind !== 'directory') return false;
    return [...node.children.values()].some((child) => this.contains(child, number));
  }

  #below(number: number, path: string): ModelEntry[] {
    const node = this.node(number);
    if (node.kind !== 'directory') return [];
    return [...node.children].flatMap(([name, child]) => {
      const childPath = path === '' ? name : `${path}/${name}`;
      const below = this.node(child);
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
