import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { OperationQueries } from './generated/api.ts';

/** The part of OpenAPI 3.1 that api/openapi.yaml uses and the server follows. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, OpenApiParameter>>;
  };
}

export interface OpenApiOperation {
  readonly operationId: OperationId;
  /** Empty: no client certificate needed. */
  readonly security?: readonly unknown[];
  readonly parameters?: readonly (OpenApiParameter | { readonly $ref: string })[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, OpenApiBody>>;
  };
}

export interface OpenApiBody {
  readonly schema?: JsonSchema;
  /** Name of a limit in LIMITS. */
  readonly 'x-gdpfs-body-limit': string;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: 'query' | 'header' | 'path';
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export type OperationId = keyof OperationQueries;

export const HTTP_METHODS = ['get', 'post', 'patch', 'delete'] as const;

/** Reads api/openapi.yaml, which lies beside src/ in the repository and dist/ in the package. */
export function loadOpenApi(): OpenApiDocument {
  const location = new URL('../../api/openapi.yaml', import.meta.url);
  return parse(readFileSync(location, 'utf8')) as OpenApiDocument;
}
