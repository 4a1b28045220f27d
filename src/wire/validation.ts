import { type ErrorObject, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { GdpfsError } from '../base/errors.ts';
import type { JsonSchema, OpenApiDocument } from './openapi.ts';

/** Id under which the schemas of the contract are known to each other. */
const SCHEMAS_ID = 'gdpfs:schemas';
/** Keyword of the contract: what a pattern asks for, in words. */
const NEED = 'x-gdpfs-need';
const QUOTED_LENGTH_MAX = 64;

/** Compiles schemas of the contract, with `$ref`s into its components. */
export class SchemaCompiler {
  readonly #ajv = new Ajv2020({
    discriminator: true,
    strictRequired: false,
    strictTypes: false,
    // Gives each error its schema.
    verbose: true,
    keywords: [NEED],
  });

  constructor(document: OpenApiDocument) {
    const $defs = this.#relocate(document.components.schemas);
    this.#ajv.addSchema({ $id: SCHEMAS_ID, $defs });
  }

  compile(schema: JsonSchema): ValidateFunction {
    return this.#ajv.compile(this.#relocate(schema));
  }

  #relocate(schema: JsonSchema): JsonSchema {
    const text = JSON.stringify(schema);
    return JSON.parse(
      text.replaceAll('"#/components/schemas/', `"${SCHEMAS_ID}#/$defs/`),
    ) as JsonSchema;
  }
}

/**
 * Throws `bad_request` with a sentence unless `value` fits. `object` and `member` are the words for
 * what is checked: `cannot read <object>: unknown <member> "x"`.
 */
export function checkValue(
  validate: ValidateFunction,
  value: unknown,
  words: { readonly object: string; readonly member: string },
): void {
  if (validate(value)) return;
  const error = validate.errors?.[0];
  const fault = error === undefined ? 'it is not valid' : describeFault(error, words.member);
  throw new GdpfsError('bad_request', `cannot read ${words.object}: ${fault}`);
}

function describeFault(error: ErrorObject, member: string): string {
  const { keyword, params, message } = error;
  const at = error.instancePath.slice(1).replaceAll('/', '.');
  const place = at === '' ? 'it' : `${member} "${clip(at)}"`;
  const inside = at === '' ? '' : ` in "${clip(at)}"`;
  switch (keyword) {
    case 'additionalProperties':
      return `unknown ${member} "${clip(String(params['additionalProperty']))}"${inside}`;
    case 'required':
      return `missing ${member} "${String(params['missingProperty'])}"${inside}`;
    case 'discriminator':
      return `${member} "${String(params['tag'])}" has an unknown value`;
    case 'enum':
      return `${place} has an unknown value, need one of ${listOf(params['allowedValues'])}`;
    case 'pattern': {
      const need: unknown = error.parentSchema?.[NEED] ?? `to match ${String(params['pattern'])}`;
      return `${place} has another form, need ${String(need)}`;
    }
    default:
      return `${place} ${message ?? 'is not valid'}`;
  }
}

function listOf(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(', ') : '';
}

/** For messages: hostile names may be long. */
export function clip(text: string): string {
  return text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text;
}
