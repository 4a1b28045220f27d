import { assert, GdpfsError } from '../base/errors.ts';
import type { JsonSchema, OpenApiDocument, OpenApiParameter } from './openapi.ts';
import { checkValue, clip, type SchemaCompiler } from './validation.ts';

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;
type QueryValue = string | number | boolean;

/** Makes the function that converts and checks the query of one operation. */
export function readQuery(
  document: OpenApiDocument,
  schemas: SchemaCompiler,
  parameters: readonly OpenApiParameter[],
): (queryText: string) => Readonly<Record<string, QueryValue>> {
  const known = parameters.filter((parameter) => parameter.in === 'query');
  const types = new Map(known.map(({ name, schema }) => [name, typeOf(document, schema)]));
  const validate = schemas.compile({
    type: 'object',
    additionalProperties: false,
    required: known.filter((parameter) => parameter.required).map(({ name }) => name),
    properties: Object.fromEntries(known.map(({ name, schema }) => [name, schema])),
  });
  return (queryText) => {
    const values: Record<string, QueryValue> = {};
    for (const part of queryText.split('&')) {
      if (part === '') continue;
      const { name, text } = decodePart(part);
      if (!types.has(name)) throw badQuery(`unknown parameter "${clip(name)}"`);
      if (Object.hasOwn(values, name)) throw badQuery(`parameter "${name}" is given twice`);
      values[name] = convert(text, types.get(name), name);
    }
    checkValue(validate, values, { object: 'query', member: 'parameter' });
    return values;
  };
}

/** Makes the function that checks the header fields that one operation knows. */
export function readHeaders(
  schemas: SchemaCompiler,
  parameters: readonly OpenApiParameter[],
): (headers: RequestHeaders) => void {
  const rules = parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, schema }) => ({
      name,
      field: name.toLowerCase(),
      check: schemas.compile(schema),
    }));
  return (headers) => {
    for (const { name, field, check } of rules) {
      const value = headers[field];
      if (value !== undefined)
        checkValue(check, value, { object: `header ${name}`, member: 'value' });
    }
  };
}

function typeOf(document: OpenApiDocument, schema: JsonSchema): unknown {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema['type'];
  const target = document.components.schemas[reference.slice('#/components/schemas/'.length)];
  assert(target !== undefined, `${reference} is in the contract`);
  return typeOf(document, target);
}

/**
 * Form encoding, but unlike URLSearchParams it refuses what is not UTF-8: replacing bytes would make
 * it another path.
 */
function decodePart(part: string): { readonly name: string; readonly text: string } {
  const equals = part.indexOf('=');
  const decode = (encoded: string): string => decodeURIComponent(encoded.replaceAll('+', ' '));
  try {
    const name = decode(equals === -1 ? part : part.slice(0, equals));
    return { name, text: equals === -1 ? '' : decode(part.slice(equals + 1)) };
  } catch (cause) {
    throw new GdpfsError('bad_request', 'cannot read query: not percent-encoded UTF-8', { cause });
  }
}

/** Strict, unlike Number(): one way to write each value. */
function convert(text: string, type: unknown, name: string): QueryValue {
  if (type === 'integer') {
    if (!/^(0|-?[1-9][0-9]{0,15})$/.test(text))
      throw badQuery(`parameter "${name}" must be integer`);
    return Number(text);
  }
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') {
      throw badQuery(`parameter "${name}" must be "true" or "false"`);
    }
    return text === 'true';
  }
  return text;
}

function badQuery(fault: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot read query: ${fault}`);
}
