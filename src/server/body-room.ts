import { LIMITS } from '../base/limits.ts';
import { ByteBudget } from './byte-budget.ts';

/** The part of one principal, as long as it has bodies. */
interface Part {
  readonly budget: ByteBudget;
  /** Bodies that are in it, or wait for it. */
  count: number;
}

/**
 * Memory for bodies that are held whole, those of requests or those of answers. It is taken before they come or go,
 * so whoever sends or reads slowly takes it for long: nobody may have all of it.
 */
export class BodyRoom {
  /** Of all principals. */
  readonly all: ByteBudget = new ByteBudget(LIMITS.bodiesBytesMax);
  readonly #parts = new Map<string, Part>();

  /** Runs `use` once there is room for so many bytes of the principal, and until it is done. */
  async with<T>(principal: string, bytes: number, use: () => Promise<T>): Promise<T> {
    const part = this.#parts.get(principal) ?? this.#begin(principal);
    part.count += 1;
    try {
      return await within(part.budget, bytes, () => within(this.all, bytes, use));
    } finally {
      part.count -= 1;
      if (part.count === 0) this.#parts.delete(principal);
    }
  }

  #begin(principal: string): Part {
    const part = { budget: new ByteBudget(LIMITS.bodiesPerPrincipalBytesMax), count: 0 };
    this.#parts.set(principal, part);
    return part;
  }
}

async function within<T>(budget: ByteBudget, bytes: number, use: () => Promise<T>): Promise<T> {
  await budget.acquire(bytes);
  try {
    return await use();
  } finally {
    budget.release(bytes);
  }
}
