import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { LIMITS } from '../src/base/limits.ts';
import { file_gdpfs } from '../src/format/generated/gdpfs_pb.js';
import { tableBelow } from './support/markdown.ts';

/** docs/formats.md says of records and limits what the code does. */

const TEXT = readFileSync(new URL('../docs/formats.md', import.meta.url), 'utf8');
const FOLD_TESTS = ['dentry-fold', 'fchunk-fold']
  .map((name) => readFileSync(new URL(`../src/fs/${name}.test.ts`, import.meta.url), 'utf8'))
  .join('');
const FOLD_HEADINGS = ['#### From fchunks to content', '### From dentries to a tree'];

describe('docs/formats.md', () => {
  for (const { name, fields } of file_gdpfs.messages) {
    it(`lists the fields of ${name}`, () => {
      const documented = tableBelow(TEXT, `### ${name}`).map((cells) => cells.slice(0, 3));
      const declared = fields.map((field) => [String(field.number), field.name, typeOf(field)]);
      assert.deepEqual(documented, declared);
    });
  }

  it('states the limits that hold', () => {
    const stated = statedLimits();
    assert(stated.size > 0, 'there is a table');
    const limits = Object.entries(LIMITS).filter(([name]) => stated.has(name));
    assert.deepEqual(new Map(limits), stated);
  });

  it('names no limit that it does not state', () => {
    const stated = statedLimits();
    const named = [...TEXT.matchAll(/`([A-Za-z]+)`/g)].map(([, name = '']) => name);
    const missing = named.filter((name) => Object.hasOwn(LIMITS, name) && !stated.has(name));
    assert.deepEqual(missing, []);
  });

  it('names the tests of the folds, every one and no other', () => {
    const suites = FOLD_TESTS.split(/^describe\(/m).filter((suite) => suite.startsWith("'fold of"));
    const titles = suites.flatMap((suite) =>
      [...suite.matchAll(/^  it\('([^']+)'/gm)].map(([, title = '']) => title),
    );
    assert(titles.length > 0, 'there are tests');
    const text = TEXT.replaceAll(/\s+/g, ' ');
    const unnamed = titles.filter((title) => !text.includes(title));
    assert.deepEqual(unnamed, []);
    const rows = FOLD_HEADINGS.flatMap((heading) => tableBelow(TEXT, heading)).map(
      (cells) => cells.at(-1) ?? '',
    );
    const unknown = rows.filter((title) => !titles.includes(title));
    assert.deepEqual(unknown, []);
  });
});

function statedLimits(): Map<string, number> {
  return new Map(tableBelow(TEXT, '## Limits').map(([name = '', value]) => [name, Number(value)]));
}

function typeOf(field: DescField): string {
  const { proto } = field;
  const type = field.message?.name ?? field.enum?.name;
  if (type !== undefined) return type;
  const scalar = ScalarType[field.scalar ?? 0]?.toLowerCase() ?? '';
  return proto.proto3Optional ? `optional ${scalar}` : scalar;
}
