/**
 * Writes src/wire/generated/api.ts from api/openapi.yaml: a type for every schema, and one for the
 * query parameters of every operation. `--check` writes nothing and fails if the file is not current.
 *
 * openapi-typescript needs the JavaScript API that TypeScript 7 no longer has.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, exit } from 'node:process';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const HTTP_METHODS = ['get', 'post', 'patch', 'delete'];
const packageRoot = dirname(import.meta.dirname);
const target = join(packageRoot, 'src/wire/generated/api.ts');

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: JSONSchema;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, JSONSchema>;
    readonly parameters: Record<string, Parameter>;
  };
}

function querySchema(document: Document, operation: Operation): JSONSchema {
  const parameters = (operation.parameters ?? [])
    .map((parameter) => {
      const shared = document.components.parameters[parameter.$ref?.split('/').at(-1) ?? ''];
      return shared ?? parameter;
    })
    .filter((parameter) => parameter.in === 'query');
  return {
    type: 'object',
    additionalProperties: false,
    required: parameters.filter((parameter) => parameter.required).map(({ name }) => name),
    properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
  };
}

function typeName(operationId: string): string {
  return `${operationId.charAt(0).toUpperCase()}${operationId.slice(1)}Query`;
}

async function generate(): Promise<string> {
  const text = readFileSync(join(packageRoot, 'api/openapi.yaml'), 'utf8');
  const document = parse(text) as Document;
  const operations = Object.values(document.paths).flatMap((item) =>
    HTTP_METHODS.flatMap((method) => item[method] ?? []),
  );
  const queries = operations.map((operation) => [
    typeName(operation.operationId),
    querySchema(document, operation),
  ]);
  const definitions = { ...document.components.schemas, ...Object.fromEntries(queries) };
  const root = JSON.parse(
    JSON.stringify({ type: 'object', additionalProperties: false, definitions }).replaceAll(
      '#/components/schemas/',
      '#/definitions/',
    ),
  ) as JSONSchema;
  const types = await compile(root, 'Wire', {
    bannerComment: '// Generated from api/openapi.yaml by tools/generate-wire.ts. Do not edit.',
    unreachableDefinitions: true,
    // The description of a schema is enough; "via definition" notes are noise.
    additionalProperties: false,
    style: { singleQuote: true, printWidth: 100 },
  });
  const map = operations
    .map(({ operationId }) => `  ${operationId}: ${typeName(operationId)};`)
    .join('\n');
  return `${types
    .replace(/export interface Wire \{\}\n/, '')
    .replace(
      /\/\*\*\n \* This interface was referenced by .*\n \* via the `definition` .*\n \*\/\n/g,
      '',
    )
    .replace(/ \*\n \* This interface was referenced by .*\n \* via the `definition` .*\n/g, '')}
/** Every operation of the API with its query parameters. */
export interface OperationQueries {
${map}
}
`;
}

const current = await generate();
if (argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== current) {
    console.error('src/wire/generated/api.ts is not current: run `npm run generate`');
    exit(1);
  }
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, current);
}
