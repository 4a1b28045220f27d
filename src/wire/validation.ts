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
    const $defs = this.#relocate(withTags(document.components.schemas));
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

/** Says of each union what its tag may be: the validator tells only that it is something else. */
function withTags(schemas: OpenApiDocument['components']['schemas']): JsonSchema {
  const tagged = Object.entries(schemas).map(([name, schema]) => {
    const { discriminator, oneOf: members } = schema as Partial<Union>;
    if (discriminator === undefined || members === undefined) return [name, schema];
    const tags = members.map(({ $ref }) => {
      const member = schemas[$ref.slice('#/components/schemas/'.length)] as Partial<Member>;
      return member.properties?.[discriminator.propertyName]?.const;
    });
    return [name, { ...schema, [NEED]: oneOf(tags) }];
  });
  return Object.fromEntries(tagged) as JsonSchema;
}

interface Union {
  readonly discriminator: { readonly propertyName: string };
  readonly oneOf: readonly { readonly $ref: string }[];
}

interface Member {
  readonly properties: Readonly<Record<string, { readonly const?: unknown }>>;
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
      return `${member} "${String(params['tag'])}" has an unknown value, need ${String(error.parentSchema?.[NEED])}`;
    case 'enum':
      return `${place} has an unknown value, need ${oneOf(params['allowedValues'])}`;
    case 'const':
      return `${place} has an unknown value, need ${oneOf([params['allowedValue']])}`;
    case 'pattern': {
      const need: unknown = error.parentSchema?.[NEED] ?? `to match ${String(params['pattern'])}`;
      return `${place} has another form, need ${String(need)}`;
    }
    default:
      return `${place} ${message ?? 'is not valid'}`;
  }
}

function oneOf(values: unknown): string {
  const list = Array.isArray(values) ? values.map((value) => JSON.stringify(value)) : [];
  return `${list.length > 1 ? 'one of ' : ''}${list.join(', ')}`;
}

/** For messages: hostile names may be long. */
export function clip(text: string): string {
  return text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text;
}
