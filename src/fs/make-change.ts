import type { VolumeRow } from '../log/volume-table.ts';
import { planChange, type PreparedChange } from './changes.ts';
import { requirePermitted } from './permit.ts';
import { Planner, type PlannerContext } from './planner.ts';
import type { Quotas } from './quotas.ts';
import type { ChangeContext, ChangeResult } from './types.ts';

/** Where a change is made: one open transaction. */
export interface ChangePlace extends Omit<PlannerContext, 'volume' | 'author'> {
  readonly row: VolumeRow;
  readonly quotas: Quotas;
}

/** Makes a change in its turn, if its author may make it and there is room. All of it, or throws. */
export function makeChange(
  { row, ...place }: ChangePlace,
  change: PreparedChange,
  { author, rights, isReserved = false }: ChangeContext,
): ChangeResult {
  const { transaction, quotas } = place;
  const before = transaction.nextSeq(row.id);
  const planner = new Planner({ ...place, volume: row.id, author });
  if (rights !== undefined) requirePermitted(planner, rights, change);
  planChange(planner, change);
  const after = transaction.nextSeq(row.id);
  quotas.account(row, { volume: row.id, before, after, ...planner.growth }, isReserved);
  return { seq: after - 1, node: planner.node, count: planner.count };
}
