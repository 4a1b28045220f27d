/** Changes of a model volume, at random. */
import type { ModelChange } from './model-tree.ts';
import type { Pick, Picked, Where } from './model-picks.ts';
import { fc } from './property.ts';

/** `fc.record` of plain objects, with `optional` keys. */
function variant<T extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  ...optional: (keyof T)[]
): fc.Arbitrary<T> {
  const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter(
    (key) => !optional.includes(key),
  );
  return fc.record(fields, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<T>;
}

// Few names, so that changes meet.
const name = fc.constantFrom('a', 'b', 'c', 'ü');
const anyPath = fc
  .array(name, { maxLength: 3 })
  .map((names): Pick => ({ literal: names.join('/') }));
const entry: fc.Arbitrary<Pick> = variant({ entry: fc.nat(20) });
const inDirectory: fc.Arbitrary<Pick> = variant({ directory: fc.nat(10), name });
/** What is there, mostly. */
const path = fc.oneof(
  { weight: 8, arbitrary: entry },
  { weight: 1, arbitrary: inDirectory },
  { weight: 1, arbitrary: anyPath },
);
/** What is free, mostly. */
const to = fc.oneof(
  { weight: 2, arbitrary: entry },
  { weight: 6, arbitrary: inDirectory },
  { weight: 2, arbitrary: anyPath },
);
const mode = fc.constantFrom(0, 0o600, 0o755, 0o7777);
const mtimeUs = fc.constantFrom(0, 1_600_000_000_123_456);
const text = fc.string({ unit: fc.constantFrom('x', 'y', 'z'), minLength: 1, maxLength: 6 });
const hole = variant({ hole: fc.integer({ min: 1, max: 4 }) });
const pieces = fc.array(fc.oneof(text, hole), { maxLength: 4 });
const yes = fc.boolean();
export const rarely = fc.integer({ min: 0, max: 4 }).map((value) => value === 0);
const mostly = rarely.map((value) => !value);
const at = variant({ state: fc.nat(1000) });
const condition = fc.constantFrom('absent', 'same', 'same', 'other');
const only = fc.constantFrom('file', 'directory');
const is = <K extends string>(kind: K): fc.Arbitrary<K> => fc.constant(kind);

export const anyChange: fc.Arbitrary<Picked<ModelChange>> = fc.oneof(
  {
    weight: 3,
    arbitrary: variant(
      { kind: is('mkdir'), path: to, parents: yes, mode, mtimeUs },
      'mode',
      'mtimeUs',
    ),
  },
  {
    weight: 5,
    arbitrary: variant(
      { kind: is('put'), path: to, pieces, parents: yes, mode, mtimeUs, condition },
      'mode',
      'mtimeUs',
      'condition',
    ),
  },
  {
    weight: 1,
    arbitrary: variant(
      { kind: is('symlink'), path: to, target: text, parents: yes, mode, mtimeUs },
      'mode',
      'mtimeUs',
    ),
  },
  { weight: 6, arbitrary: variant({ kind: is('rename'), path, to, absent: rarely }) },
  { weight: 4, arbitrary: variant({ kind: is('copy'), path, to, recursive: mostly, at }, 'at') },
  { weight: 4, arbitrary: variant({ kind: is('remove'), path, recursive: mostly, only }, 'only') },
  {
    weight: 2,
    arbitrary: variant({
      kind: is('set'),
      path,
      attributes: variant({ mode, mtimeUs }, 'mode', 'mtimeUs'),
    }),
  },
  { weight: 5, arbitrary: variant({ kind: is('restore'), path, at }) },
);
const where: fc.Arbitrary<Where> = fc.oneof(
  variant({ behindEnd: fc.constantFrom(0, 0, 3) }),
  variant({ chunk: fc.nat(5), inside: yes }),
);
export const anyExtension = variant({ path, where, text: fc.oneof(text, is('')), isStale: rarely });
export const anyTruncation = variant({ path, size: fc.nat(16) });
