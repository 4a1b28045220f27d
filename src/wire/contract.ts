import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  HTTP_METHODS,
  loadOpenApi,
  type OpenApiBody,
  type OpenApiDocument,
  type OpenApiOperation,
  type OpenApiParameter,
  type OperationId,
} from './openapi.ts';
import { readHeaders, readQuery, type RequestHeaders } from './parameters.ts';
import { checkValue, SchemaCompiler } from './validation.ts';

/** The API as the server executes it, compiled from api/openapi.yaml: the source of truth. */
export interface Contract {
  readonly document: OpenApiDocument;
  readonly operations: readonly Operation[];
  /**
   * The operation for a request; HEAD is answered as GET. Throws `not_found` for an unknown path,
   * `method_not_allowed` with `details.allow` for a known one.
   */
  route(method: string, pathname: string): RouteMatch;
}

export interface RouteMatch {
  readonly operation: Operation;
  /** Values of the path's parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly id: OperationId;
  /** Upper case. */
  readonly method: string;
  /** As in the document, with parameters in braces. */
  readonly path: string;
  /** Needs no client certificate. */
  readonly anonymous: boolean;
  /** By media type; empty if the operation takes no body. */
  readonly bodies: ReadonlyMap<string, BodyRule>;
  /** Checked and converted query parameters of the URL's query. Throws `bad_request`. */
  readQuery(queryText: string): Readonly<Record<string, string | number | boolean>>;
  /** Throws `bad_request` if a header field that the operation knows has a wrong form. */
  checkHeaders(headers: RequestHeaders): void;
}

export interface BodyRule {
  readonly bytesMax: number;
  /** For JSON: throws `bad_request` unless the value fits the schema. */
  readonly check?: (value: unknown) => void;
}

interface Route {
  readonly segments: readonly string[];
  readonly operations: Map<string, Operation>;
}

export function loadContract(): Contract {
  const document = loadOpenApi();
  const schemas = new SchemaCompiler(document);
  const routes = Object.entries(document.paths).map(([path, item]): Route => {
    const operations = HTTP_METHODS.flatMap((method) => {
      const definition = item[method];
      if (definition === undefined) return [];
      return compileOperation({ document, schemas, method, path, definition });
    });
    const byMethod = new Map(operations.map((operation) => [operation.method, operation]));
    return { segments: path.split('/'), operations: byMethod };
  });
  return {
    document,
    operations: routes.flatMap((route) => [...route.operations.values()]),
    route: (method, pathname) => findRoute(routes, method, pathname),
  };
}

function compileOperation(source: {
  readonly document: OpenApiDocument;
  readonly schemas: SchemaCompiler;
  readonly method: string;
  readonly path: string;
  readonly definition: OpenApiOperation;
}): Operation {
  const { document, schemas, definition } = source;
  const parameters = (definition.parameters ?? []).map((parameter) =>
    resolveParameter(document, parameter),
  );
  const bodies = Object.entries(definition.requestBody?.content ?? {});
  return {
    id: definition.operationId,
    method: source.method.toUpperCase(),
    path: source.path,
    anonymous: definition.security?.length === 0,
    bodies: new Map(bodies.map(([type, body]) => [type, compileBody(schemas, body)])),
    readQuery: readQuery(document, schemas, parameters),
    checkHeaders: readHeaders(schemas, parameters),
  };
}

function resolveParameter(
  document: OpenApiDocument,
  parameter: OpenApiParameter | { readonly $ref: string },
): OpenApiParameter {
  if (!('$ref' in parameter)) return parameter;
  const shared =
    document.components.parameters[parameter.$ref.slice('#/components/parameters/'.length)];
  assert(shared !== undefined, `${parameter.$ref} is in the contract`);
  return shared;
}

function compileBody(schemas: SchemaCompiler, body: OpenApiBody): BodyRule {
  const limit = body['x-gdpfs-body-limit'];
  assert(Object.hasOwn(LIMITS, limit), `${limit} is a limit`);
  const bytesMax = LIMITS[limit as keyof typeof LIMITS];
  if (body.schema === undefined) return { bytesMax };
  const validate = schemas.compile(body.schema);
  return {
    bytesMax,
    check: (value) => checkValue(validate, value, { object: 'request body', member: 'field' }),
  };
}

function findRoute(routes: readonly Route[], method: string, pathname: string): RouteMatch {
  const segments = pathname.split('/');
  for (const route of routes) {
    const params = matchSegments(route.segments, segments);
    if (params === undefined) continue;
    const operation = route.operations.get(method === 'HEAD' ? 'GET' : method);
    if (operation !== undefined) return { operation, params };
    throw methodNotAllowed(route, method);
  }
  throw new GdpfsError('not_found', 'cannot find the route: no such path in the API', {
    hint: 'GET /openapi.json lists all routes',
  });
}

function methodNotAllowed(route: Route, method: string): GdpfsError {
  const known = [...route.operations.keys()];
  const allow = (known.includes('GET') ? ['HEAD', ...known] : known).sort().join(', ');
  return new GdpfsError(
    'method_not_allowed',
    `cannot use method "${method}" on ${route.segments.join('/')}: need one of ${allow}`,
    { details: { allow } },
  );
}

/** At the end of a path: everything that follows, names with slashes between them. */
const REST = '{rest}';

/** Undefined unless every segment fits. Literal paths have no percent-encoded forms. */
function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  const takesRest = pattern.at(-1) === REST && segments.length > pattern.length;
  if (pattern.length !== segments.length && !takesRest) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (expected === REST) params['rest'] = segments.slice(index).map(decodeName).join('/');
    else if (expected.startsWith('{')) params[expected.slice(1, -1)] = decodeSegment(segment);
    else if (expected !== segment) return undefined;
  }
  return params;
}

/** A slash in a name is none: it would be taken for one between names. */
function decodeName(segment: string): string {
  const name = decodeSegment(segment);
  if (!name.includes('/')) return name;
  throw new GdpfsError('bad_request', 'cannot read the URL: it has a name with a slash');
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new GdpfsError('bad_request', 'cannot read the URL: not percent-encoded UTF-8', {
      cause,
    });
  }
}
