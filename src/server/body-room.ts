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
    using room = this.forPieces(principal);
    await room.acquire(bytes);
    return await use();
  }

  /** For one that is in memory piece by piece. Dispose of it when nothing is any more. */
  forPieces(principal: string): PieceRoom {
    const part = this.#parts.get(principal) ?? this.#begin(principal);
    part.count += 1;
    return new PieceRoom([part.budget, this.all], () => {
      part.count -= 1;
      if (part.count === 0) this.#parts.delete(principal);
    });
  }

  #begin(principal: string): Part {
    const part = { budget: new ByteBudget(LIMITS.bodiesPerPrincipalBytesMax), count: 0 };
    this.#parts.set(principal, part);
    return part;
  }
}

/** What one body has of the room: that of its principal, and that of all. */
export class PieceRoom implements Disposable {
  readonly #budgets: readonly [own: ByteBudget, all: ByteBudget];
  readonly #leave: () => void;
  #heldBytes = 0;

  constructor(budgets: readonly [own: ByteBudget, all: ByteBudget], leave: () => void) {
    this.#budgets = budgets;
    this.#leave = leave;
  }

  async acquire(bytes: number): Promise<void> {
    for (const budget of this.#budgets) await budget.acquire(bytes);
    this.#heldBytes += bytes;
  }

  /** As `acquire`, but false if that would have to wait. */
  tryAcquire(bytes: number): boolean {
    const [own, all] = this.#budgets;
    if (!own.tryAcquire(bytes)) return false;
    const isFree = all.tryAcquire(bytes);
    if (isFree) this.#heldBytes += bytes;
    else own.release(bytes);
    return isFree;
  }

  /** What is held takes so many bytes in all, even if that is more than there is room for. */
  resize(bytes: number): void {
    const more = bytes - this.#heldBytes;
    if (more < 0) return this.release(-more);
    for (const budget of this.#budgets) budget.take(more);
    this.#heldBytes = bytes;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
    for (const budget of this.#budgets) budget.release(bytes);
  }

  /** Gives back what is still held. */
  [Symbol.dispose](): void {
    this.release(this.#heldBytes);
    this.#leave();
  }
}
