/** Sessions that tell of their requests. */
import type { ApiRequest, Session } from '../../src/client/session.ts';

/** A session with a look at each request before it is sent; it may throw. */
export function watchRequests(session: Session, look: (request: ApiRequest) => void): Session {
  return {
    ...session,
    request: async (request) => {
      look(request);
      return await session.request(request);
    },
  };
}

/** Does the request send chunks? */
export function sendsFrames({ method, route }: ApiRequest): boolean {
  return method === 'POST' && route === '/api/v1/storage/file/chunks';
}

/** Counts what its requests carry. */
export interface CountingSession extends Session {
  /** Requests so far, by method and route. */
  readonly requests: ReadonlyMap<string, number>;
  /** Bytes of all request bodies so far. */
  readonly sentBytes: number;
  /** Called before each request; may throw. */
  before: ((request: ApiRequest) => void) | undefined;
  /** May be replaced, to answer something else. */
  request: Session['request'];
}

/** Disposing of it leaves `session` open. */
export function countRequests(session: Session): CountingSession {
  const requests = new Map<string, number>();
  const counting = {
    url: session.url,
    get hasChanged() {
      return session.hasChanged;
    },
    requests,
    sentBytes: 0,
    before: undefined as CountingSession['before'],
    request: async (request: ApiRequest) => {
      counting.before?.(request);
      const name = `${request.method} ${request.route}`;
      requests.set(name, (requests.get(name) ?? 0) + 1);
      counting.sentBytes += request.body?.bytes.length ?? 0;
      return await session.request(request);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return counting;
}
