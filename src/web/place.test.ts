import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { apiPath, formatPlace, parsePlace, userPath } from './place.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('/'));

test('every place is found again by its address, whatever its names', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('files' as const, 'history' as const, 'access' as const),
      fc.array(name, { minLength: 1, maxLength: 5 }),
      fc.option(
        fc.constantFrom('17', 'release-1', '2026-11-20T12:00:00Z', '2026-11-20T12:00:00+02:00'),
        {
          nil: undefined,
        },
      ),
      (view, [volume = '', ...names], at) => {
        const place = { view, volume, path: names.join('/'), at };
        const fragment = formatPlace(place);
        assert.match(fragment, /^#[!-~]*$/);
        assert.deepEqual(parsePlace(fragment), place);
      },
    ),
  );
});

test('what is no place leads to the volumes', () => {
  for (const text of ['', '#', '#/', '#/files', '#/nothing/x', '#/files/%ff', '#/files/a/%']) {
    assert.deepEqual(parsePlace(text), { view: 'volumes' }, text);
  }
  assert.deepEqual(parsePlace('#/shares'), { view: 'shares' });
});

test('a place has the path that the API and the command line take', () => {
  assert.equal(apiPath({ volume: 'v', path: '' }), '/v');
  assert.equal(apiPath({ volume: 'v', path: 'a/b' }), '/v/a/b');
  assert.equal(userPath({ volume: 'v', path: 'a' }), 'gdp://v/a');
});
