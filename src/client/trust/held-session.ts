import type { Session } from '../session.ts';

/**
 * A session whose answers are handed out once `trusted` has resolved, and whose requests throw what it
 * throws. What only asks is sent before that, so that a command waits for one round trip less;
 * whatever changes something, or fills memory piece by piece, is not.
 */
export function heldSession(session: Session, trusted: Promise<unknown>): Session {
  // Whoever makes a request hears of it.
  trusted.catch(() => {});
  return {
    url: session.url,
    get hasChanged() {
      return session.hasChanged;
    },
    async request(request) {
      const { method, changes, into, onData } = request;
      const isQuestion = method === 'GET' && changes !== true;
      if (!isQuestion || into !== undefined || onData !== undefined) {
        await trusted;
        return await session.request(request);
      }
      const answer = session.request(request);
      answer.catch(() => {});
      await trusted;
      return await answer;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
