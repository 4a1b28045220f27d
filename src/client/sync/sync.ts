import { GdpfsError } from '../../base/errors.ts';
import { absoluteName, type Endpoint, requirePast } from '../endpoint.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import type { StatOptions } from '../files.ts';
import { quote } from '../local-error.ts';
import { Tally, type TransferObserver, type TransferResult } from '../tally.ts';
import type { TransferOptions } from '../transfer-options.ts';
import type { Action, ActionPages, TreeEntry } from './action.ts';
import { hasSameAttributes } from './compare.ts';
import { compileFilter } from './filter.ts';
import { type PlanOptions, planTrees } from './plan.ts';
import {
  formatAction,
  type PlanHeader,
  readPlan,
  readPlanHeader,
  type SyncRules,
  writePlan,
} from './plan-file.ts';
import { openRoute } from './open-route.ts';
import type { Route } from './route.ts';

export interface SyncCall extends StatOptions {
  /** A directory: what is in it goes to `destination`. `at` is about a volume here. */
  readonly source: Endpoint;
  /** A directory, made if it is missing. */
  readonly destination: Endpoint;
  readonly transfer?: TransferOptions | undefined;
}

export interface SyncOptions extends SyncCall, Partial<SyncRules> {
  /** Removals beyond which nothing at all is done. */
  readonly removalsMax?: number | undefined;
}

/**
 * Makes the destination like the source. What fails for one name is in the result's `errors`; what
 * would fail for all the rest is thrown.
 */
export async function sync(
  options: SyncOptions & { readonly observer?: TransferObserver },
): Promise<TransferResult> {
  const tally = new Tally(options.observer);
  await syncCounted(options, tally);
  return tally.result();
}

/** As `sync`, counting with `tally`. */
export async function syncCounted(options: SyncOptions, tally: Tally): Promise<void> {
  const { removalsMax } = options;
  await using route = await openRouteOf(options, tally);
  const rules = rulesOf(options);
  if (rules.remove && removalsMax !== undefined) {
    // Twice is cheap: a listing is, and nothing may be removed before all is known.
    const count = await countRemovals(await planned(route, rules));
    if (count > removalsMax) throw tooManyRemovals(count, removalsMax);
  }
  const pages = await planned(route, rules, tally);
  await route.execute(removalsMax === undefined ? pages : atMost(pages, removalsMax));
}

/** What a synchronization would do. */
export interface SyncPlan {
  readonly header: PlanHeader;
  /** Settled: no action is `unsure`. */
  readonly pages: ActionPages;
}

/** Plans and does nothing. `use` gets the plan while both sides are being listed. */
export async function planSync(
  options: SyncOptions,
  tally: Tally,
  use: (plan: SyncPlan) => Promise<void>,
): Promise<void> {
  await using route = await openRouteOf(options, tally);
  const rules = rulesOf(options);
  await use(await settledPlan(route, options, { rules, tally }));
}

/** Writes the plan to `file` and does nothing else. Resolves to the number of actions. */
export async function writeSyncPlan(
  options: SyncOptions,
  tally: Tally,
  file: string,
): Promise<number> {
  let count = 0;
  await planSync(options, tally, async ({ header, pages }) => {
    count = await writePlan(file, header, pages);
  });
  return count;
}

/**
 * Does exactly what the plan in `file` says. Throws `changed`, before anything is done, unless the same
 * plan would be made now; `bad_request` if it is a plan for other places.
 */
export async function applySyncPlan(call: SyncCall, tally: Tally, file: string): Promise<void> {
  const header = await readPlanHeader(file);
  const names = { source: absoluteName(call.source), destination: absoluteName(call.destination) };
  if (header.source !== names.source || header.destination !== names.destination) {
    throw new GdpfsError(
      'bad_request',
      `cannot apply ${quote(file)}: it is a plan for ${quote(header.source)} and ${quote(header.destination)}`,
    );
  }
  const rules = rulesOf(header.options);
  await using route = await openRouteOf({ ...call, ...rules }, tally);
  const { pages } = await settledPlan(route, call, { rules, tally: new Tally() });
  await requireSame(pages, readPlan(file), file);
  await route.execute(readPlan(file));
}

function rulesOf(options: Partial<SyncRules>): SyncRules {
  const { by = 'time', remove = false, removeExcluded = false } = options;
  const { existing = 'replace', rules = [] } = options;
  return { by, remove, removeExcluded, existing, rules };
}

async function openRouteOf(options: SyncOptions, tally: Tally): Promise<Route> {
  const { source, destination, rules = [], transfer = {}, at, signal } = options;
  requirePast(source, at);
  return await openRoute(source, destination, { rules, tally, transfer, at, signal });
}

/** The plan of what is there now. `tally` counts what stays and what the source cannot tell. */
async function planned(route: Route, rules: SyncRules, tally?: Tally): Promise<ActionPages> {
  const { source, destination } = await route.list();
  return planTrees(source, destination, planOptions(route, rules, tally));
}

function planOptions(route: Route, rules: SyncRules, tally?: Tally): PlanOptions {
  const { by, remove, removeExcluded, existing } = rules;
  const isFiltered = rules.rules.length > 0 && !removeExcluded;
  return {
    ...route.compare,
    by,
    remove,
    existing,
    isProtected: isFiltered ? compileFilter(rules.rules) : undefined,
    onKept: () => tally?.skip(),
    onStranger: ({ relative, error }) => tally?.fail({ path: relative, error }),
    onFault: ({ relative, error }) => tally?.fail({ path: route.sourceName(relative), error }),
  };
}

async function settledPlan(
  route: Route,
  { source, destination }: SyncCall,
  { rules, tally }: { readonly rules: SyncRules; readonly tally: Tally },
): Promise<SyncPlan> {
  const sides = await route.list();
  const pages = planTrees(sides.source, sides.destination, planOptions(route, rules, tally));
  const header: PlanHeader = {
    gdpfsPlan: 1,
    source: absoluteName(source),
    destination: absoluteName(destination),
    options: rules,
    sourceSeq: sides.sourceSeq,
    destinationSeq: sides.destinationSeq,
  };
  return { header, pages: settled(pages, route, tally) };
}

/** The same actions, without doubt about any content. */
async function* settled(pages: ActionPages, route: Route, tally: Tally): ActionPages {
  for await (const actions of pages) {
    const sure: Action[] = [];
    for (const action of actions) {
      const { existing, entry } = 'existing' in action ? action : { entry: action.entry };
      const isUnsure = action.kind === 'file' && action.reason === 'unsure';
      if (!isUnsure || existing === undefined) sure.push(action);
      else sure.push(...(await settle(route, tally, { entry, existing })));
    }
    yield sure;
  }
}

async function settle(
  route: Route,
  tally: Tally,
  { entry, existing }: { readonly entry: TreeEntry; readonly existing: TreeEntry },
): Promise<Action[]> {
  try {
    const isSame = await route.isSameContent(entry, existing);
    if (!isSame) return [{ kind: 'file', entry, existing, reason: 'changed' }];
    if (!hasSameAttributes(entry, existing, route.compare)) {
      return [{ kind: 'attributes', entry, existing }];
    }
    tally.skip();
  } catch (error) {
    if (!isFaultOfOne(error)) throw error;
    tally.fail({ path: route.sourceName(entry.relative), error });
  }
  return [];
}

async function countRemovals(pages: ActionPages): Promise<number> {
  let count = 0;
  for await (const actions of pages) count += removalsIn(actions);
  return count;
}

function removalsIn(actions: readonly Action[]): number {
  return actions.reduce((sum, action) => sum + (action.kind === 'remove' ? action.count : 0), 0);
}

/** Somebody may have changed one of the sides since they were counted. */
async function* atMost(pages: ActionPages, removalsMax: number): ActionPages {
  let count = 0;
  for await (const actions of pages) {
    count += removalsIn(actions);
    if (count > removalsMax) throw tooManyRemovals(count, removalsMax);
    yield actions;
  }
}

function tooManyRemovals(count: number, removalsMax: number): GdpfsError {
  return new GdpfsError(
    'usage',
    `cannot synchronize: ${count} names would be removed, need at most ${removalsMax}`,
    { hint: 'see what it would remove with "--dry-run", or allow more with "--max-delete"' },
  );
}

async function requireSame(now: ActionPages, then: ActionPages, file: string): Promise<void> {
  const expected = linesOf(then);
  for await (const line of linesOf(now)) {
    const next = await expected.next();
    if (next.done === true || next.value.line !== line.line) throw changed(file, line.path);
  }
  const rest = await expected.next();
  if (rest.done !== true) throw changed(file, rest.value.path);
}

async function* linesOf(
  pages: ActionPages,
): AsyncGenerator<{ readonly line: string; readonly path: string }, void, void> {
  for await (const actions of pages) {
    for (const action of actions) yield { line: formatAction(action), path: action.entry.relative };
  }
}

function changed(file: string, path: string): GdpfsError {
  return new GdpfsError(
    'changed',
    `cannot apply ${quote(file)}: ${quote(path)} is not as it was when the plan was made`,
    { hint: 'make the plan anew' },
  );
}
