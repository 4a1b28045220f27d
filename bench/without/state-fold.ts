/** Checkpoints without a state. */
export * from '../../src/fs/state-fold.ts';

export class StateFold {
  put(): void {}
  remove(): void {}
  get length(): number {
    return 0;
  }
  cut(): void {}
  root(): undefined {
    return undefined;
  }
}
