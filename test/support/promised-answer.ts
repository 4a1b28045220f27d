/** Holds answers of the server to what api/openapi.yaml promises of them. */
import assert from 'node:assert/strict';
import { ERRORS, isErrorCode } from '../../src/base/errors.ts';
import { loadContract } from '../../src/wire/contract.ts';
import type { JsonSchema } from '../../src/wire/openapi.ts';
import { SchemaCompiler } from '../../src/wire/validation.ts';

/** Of an answer what the contract speaks of. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly json: unknown;
  readonly code: string | undefined;
}

interface Promised {
  readonly headers?: Readonly<Record<string, unknown>>;
  /** By media type. */
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
}

type Reference = { readonly $ref: string };

const contract = loadContract();
const schemas = new SchemaCompiler(contract.document);
const compiled = new Map<object, ReturnType<SchemaCompiler['compile']>>();

/**
 * Fails unless the status, the media type and the JSON of an answer are those of its operation in the
 * contract. What is no operation is answered with a problem document.
 */
export function assertPromised(method: string, path: string, answer: Answer): void {
  const what = `${method} ${path} → ${answer.status}`;
  const type = String(answer.headers['content-type'] ?? '');
  const promised = promisedFor(method, path, answer.status);
  if (answer.status >= 400) assertProblem(what, type, answer);
  if (promised === undefined || method === 'HEAD') return;
  const types = Object.keys(promised.content ?? {});
  if (types.length === 0) return assert.equal(answer.bytes.length, 0, `${what} has a body`);
  assert(types.includes(type), `${what}: type "${type}", promised ${types.join(' or ')}`);
  const { schema } = promised.content?.[type] ?? {};
  if (schema === undefined) return;
  let validate = compiled.get(schema);
  if (validate === undefined) compiled.set(schema, (validate = schemas.compile(schema)));
  assert(validate(answer.json), `${what}: ${JSON.stringify(validate.errors)}\n${answer.text}`);
}

function assertProblem(what: string, type: string, { status, code, text }: Answer): void {
  assert.equal(type, 'application/problem+json', what);
  if (text === '') return;
  assert(code !== undefined && isErrorCode(code), `${what}: ${text}`);
  assert.equal(status, ERRORS[code].status, `${what}: ${text}`);
}

/** Undefined for what is no operation. Fails for a status that the operation does not have. */
function promisedFor(method: string, path: string, status: number): Promised | undefined {
  const [pathname = ''] = path.split('?');
  let route: { readonly id: string; readonly path: string; readonly method: string };
  try {
    route = contract.route(method, pathname).operation;
  } catch {
    return undefined;
  }
  const definition = contract.document.paths[route.path]?.[route.method.toLowerCase()];
  const { responses } = definition as unknown as {
    readonly responses: Readonly<Record<string, Promised | Reference>>;
  };
  const found = responses[String(status)] ?? responses['default'];
  assert(found !== undefined, `${route.id} does not promise the status ${status}`);
  assert(responses[String(status)] !== undefined || status >= 400, `${route.id}: status ${status}`);
  return '$ref' in found ? shared(found) : found;
}

function shared({ $ref }: Reference): Promised {
  const { components } = contract.document as unknown as {
    readonly components: { readonly responses: Readonly<Record<string, Promised>> };
  };
  const found = components.responses[$ref.slice('#/components/responses/'.length)];
  assert(found !== undefined, $ref);
  return found;
}
