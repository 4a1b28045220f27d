import type { Context } from './context.ts';

/**
 * Does `action` for one item after the other. What fails is reported and does not keep the others
 * from being done, unless the user wants to stop.
 */
export async function forEachReported<T>(
  context: Context,
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<void> {
  for (const item of items) {
    try {
      await action(item);
    } catch (error) {
      // Of one it is clear what the message is about.
      const about = items.length > 1 && typeof item === 'string' ? item : undefined;
      await context.report.error(error, about);
      if (context.signal.aborted) return;
    }
  }
}
