import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { base64urlEncode } from '../base/bytes.ts';
import { type ErrorCode, isGdpfsError } from '../base/errors.ts';
import {
  baseName,
  compareNames,
  comparePaths,
  formatApiPath,
  formatRemotePath,
  isAlias,
  isBelow,
  joinPath,
  parentPath,
  parseApiPath,
  parseName,
  parsePath,
  parsePinnedPath,
  parseRemotePath,
  parseVolumeReference,
  splitPath,
} from './path.ts';

/** Any string of code points, lone surrogates left out, that is a name. */
const names = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => text !== '.' && text !== '..' && !/[/\0]/.test(text) && text.isWellFormed());
const paths = fc.array(names, { maxLength: 6 }).map((all) => all.join('/'));
const volumes = fc.oneof(
  fc.stringMatching(/^[a-z0-9-]{1,32}$/),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(base64urlEncode),
);

const pins = fc.constantFrom<{ readonly at?: string }>(
  {},
  { at: 'v1.0' },
  { at: '17' },
  { at: 'a_b-c' },
);

describe('parseName()', () => {
  for (const name of [
    'a',
    ' ',
    '-rf',
    'a\nb',
    'a\\b',
    '...',
    '.hidden',
    '%2e',
    '?',
    '~',
    '\u{1f600}',
  ]) {
    it(`accepts ${JSON.stringify(name)}`, () => assert.equal(parseName(name), name));
  }

  it('keeps the Unicode form: composed and decomposed are two names', () => {
    const composed = '\u00e9';
    const decomposed = 'e\u0301';
    assert.equal(parseName(composed), composed);
    assert.equal(parseName(decomposed), decomposed);
  });

  for (const name of ['', '.', '..', 'a/b', '/', 'a\0b', '\ud800', 'a\udc00b']) {
    it(`rejects ${JSON.stringify(name)}`, () => rejects('bad_request', () => parseName(name)));
  }

  it('counts bytes of UTF-8, not characters, up to 255', () => {
    assert.equal(parseName('x'.repeat(255)).length, 255);
    rejects('name_too_long', () => parseName('x'.repeat(256)));
    assert.equal(parseName('\u00e9'.repeat(127)).length, 127);
    rejects('name_too_long', () => parseName('\u00e9'.repeat(128)));
  });

  it('does not repeat a hostile name in full in its message', () => {
    const error = thrownBy(() => parseName(`${'x'.repeat(100_000)}\n`));
    assert(error.message.length < 300);
    assert(!error.message.includes('\n'));
  });
});

describe('parsePath()', () => {
  for (const [text, path] of [
    ['', ''],
    ['/', ''],
    ['a', 'a'],
    ['/a', 'a'],
    ['a/', 'a'],
    ['/a/b/', 'a/b'],
    [' / ', ' / '],
    ['a\n/-b', 'a\n/-b'],
  ] as const) {
    it(`of ${JSON.stringify(text)} is ${JSON.stringify(path)}`, () => {
      assert.equal(parsePath(text), path);
    });
  }

  for (const text of [
    '//',
    '//a',
    'a//',
    'a//b',
    './a',
    'a/..',
    '../a',
    'a/./b',
    'a\0',
    'a/\ud83d',
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => rejects('bad_request', () => parsePath(text)));
  }

  it('accepts 4096 bytes and rejects one more', () => {
    const path = `${`${'x'.repeat(127)}/`.repeat(31)}${'x'.repeat(128)}`;
    assert.equal(parsePath(path).length, 4096);
    rejects('name_too_long', () => parsePath(`${path}x`));
  });

  it('accepts 256 levels and rejects one more', () => {
    const path = 'a/'.repeat(255).concat('a');
    assert.equal(splitPath(parsePath(path)).length, 256);
    rejects('name_too_long', () => parsePath(`${path}/a`));
  });

  it('leaves every valid path as it is, with or without outer slashes', () => {
    fc.assert(
      fc.property(paths, (path) => {
        assert.equal(parsePath(path), path);
        assert.equal(parsePath(`/${path}`), path);
        if (path !== '') assert.equal(parsePath(`/${path}/`), path);
      }),
    );
  });

  it('of any text is a fixed point or an error of the table', () => {
    const pieces = fc.array(fc.constantFrom('a', '/', '.', '..', '\0', '\ud800', '//', ' '));
    fc.assert(
      fc.property(pieces, (all) => {
        try {
          const path = parsePath(all.join(''));
          assert.equal(parsePath(path), path);
          for (const name of splitPath(path)) assert.equal(parseName(name), name);
        } catch (error) {
          assert(isGdpfsError(error, 'bad_request'));
        }
      }),
    );
  });
});

describe('splitPath(), joinPath(), parentPath(), baseName()', () => {
  it('take a path apart and put it together again', () => {
    fc.assert(
      fc.property(paths, (path) => {
        assert.equal(splitPath(path).reduce(joinPath, ''), path);
        if (path !== '') assert.equal(joinPath(parentPath(path), baseName(path)), path);
      }),
    );
  });

  it('treat the root as its own parent, without a name', () => {
    assert.deepEqual(splitPath(''), []);
    assert.equal(parentPath(''), '');
    assert.equal(baseName(''), '');
    assert.equal(parentPath('a'), '');
    assert.equal(baseName('a'), 'a');
    assert.equal(parentPath('a/b/c'), 'a/b');
  });
});

describe('comparePaths()', () => {
  const byNames = (left: string, right: string): number => {
    const [lefts, rights] = [splitPath(left), splitPath(right)];
    for (const [index, name] of lefts.entries()) {
      const order = compareNames(name, rights[index] ?? '');
      if (order !== 0) return order;
    }
    return lefts.length - rights.length;
  };
  const path = fc
    .array(fc.constantFrom('a', 'a-b', 'ab', '\u0001', '\ue000', '\u{1f600}'), {
      minLength: 1,
      maxLength: 4,
    })
    .map((names) => names.join('/'));

  it('compares name by name, whatever characters come before the slash', () => {
    fc.assert(
      fc.property(path, path, (left, right) => {
        assert.equal(Math.sign(comparePaths(left, right)), Math.sign(byNames(left, right)));
      }),
    );
    assert(comparePaths('a/x', 'a-b') < 0);
    assert(comparePaths('a', 'a/x') < 0);
  });
});

describe('isBelow()', () => {
  it('knows a directory from a name that begins with its name', () => {
    assert(isBelow('a/b', 'a'));
    assert(isBelow('a', ''));
    assert(!isBelow('a', 'a'));
    assert(!isBelow('ab', 'a'));
    assert(!isBelow('', ''));
  });
});

describe('compareNames()', () => {
  it('orders as the bytes of UTF-8 do', () => {
    // Around the places where the order of UTF-16 differs.
    const tricky = fc.string({
      unit: fc.constantFrom(
        'a',
        'b',
        '\ud7ff',
        '\ue000',
        '\uffff',
        '\u{10000}',
        '\u{10ffff}',
        '\u00e9',
      ),
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.oneof(tricky, names), fc.oneof(tricky, names), (left, right) => {
        const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
        assert.equal(Math.sign(compareNames(left, right)), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('sorts U+FFFF before U+10000, unlike JavaScript', () => {
    const sorted = ['\uffff', '\u{10000}'];
    assert.deepEqual(sorted.toSorted(compareNames), sorted);
    assert.notDeepEqual(sorted.toSorted(), sorted);
  });
});

describe('parseVolumeReference()', () => {
  it('tells aliases from names', () => {
    assert.deepEqual(parseVolumeReference('vision-2'), { kind: 'alias', alias: 'vision-2' });
    const name = new Uint8Array(32).fill(0xfe);
    assert.deepEqual(parseVolumeReference(base64urlEncode(name)), { kind: 'name', name });
  });

  const tooLong = 'a'.repeat(33);
  for (const text of [
    '',
    'Vision',
    'a_b',
    'a b',
    'a.b',
    'é',
    tooLong,
    'a'.repeat(42),
    `${'A'.repeat(42)}B`,
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      assert.equal(isAlias(text), false);
      rejects('bad_request', () => parseVolumeReference(text));
    });
  }
});

describe('parseRemotePath()', () => {
  for (const [text, expected] of [
    ['gdp://vision', { volume: 'vision', path: '' }],
    ['gdp://vision/', { volume: 'vision', path: '' }],
    ['gdp://vision/a/b', { volume: 'vision', path: 'a/b' }],
    ['gdp://vision/a%20b?c#d', { volume: 'vision', path: 'a%20b?c#d' }],
    ['/pfs/prod/home/vision', { profile: 'prod', volume: 'vision', path: '' }],
    ['/pfs/prod/home/vision/a\nb/c/', { profile: 'prod', volume: 'vision', path: 'a\nb/c' }],
    ['/pfs/prod/public', { profile: 'prod', volume: 'public', path: '' }],
    ['/pfs/prod/public/a', { profile: 'prod', volume: 'public', path: 'a' }],
    ['gdp://vision@v1.0', { volume: 'vision', path: '', at: 'v1.0' }],
    ['gdp://vision@17/a@b/@c', { volume: 'vision', path: 'a@b/@c', at: '17' }],
    ['gdp://vision/a@b', { volume: 'vision', path: 'a@b' }],
    ['/pfs/prod/home/vision@v1/a', { profile: 'prod', volume: 'vision', path: 'a', at: 'v1' }],
    ['/pfs/prod/public@v2', { profile: 'prod', volume: 'public', path: '', at: 'v2' }],
  ] as const) {
    it(`of ${JSON.stringify(text)} is remote`, () => {
      assert.deepEqual(parseRemotePath(text), expected);
    });
  }

  for (const text of [
    '',
    '/',
    'a',
    './gdp://a',
    'gdp:/a',
    'gdp',
    '/gdp://a',
    '/pfs',
    '/pfs/prod',
    '/pfs/prod/home',
    '/pfs/prod/home/',
    '/pfs/prod/publicity',
    '/pfs/prod/homes/x',
    '/pfs//public',
    'pfs/prod/public',
    '/pfs2/prod/public',
  ]) {
    it(`of ${JSON.stringify(text)} is a local path`, () => {
      assert.equal(parseRemotePath(text), undefined);
    });
  }

  for (const text of [
    'gdp://',
    'gdp:///a',
    'gdp://Vision/a',
    'gdp://vision//a',
    'gdp://vision//',
    'gdp://vision/../a',
    '/pfs/prod/home/Vision',
    '/pfs/prod/home/vision//',
    '/pfs/prod/public//a',
    'gdp://vision@/a',
    'gdp://vision@V1/a',
    'gdp://vision@v1@v2/a',
    'gdp://vision@2026-11-20/a',
    'gdp://vision@v1//a',
    'gdp://@v1/a',
    '/pfs/prod/home/Vision@v1',
  ]) {
    it(`of ${JSON.stringify(text)} is an error`, () => {
      rejects('bad_request', () => parseRemotePath(text));
    });
  }

  it('restores what formatRemotePath() writes', () => {
    const profiles = fc.option(names, { nil: undefined });
    fc.assert(
      fc.property(volumes, paths, pins, profiles, (volume, path, pin, profile) => {
        const remote = { volume, path, ...pin, ...(profile === undefined ? {} : { profile }) };
        assert.deepEqual(parseRemotePath(formatRemotePath(remote)), remote);
      }),
    );
  });
});

describe('parsePinnedPath()', () => {
  it('restores what formatApiPath() writes, and the API takes only what is not pinned', () => {
    fc.assert(
      fc.property(volumes, paths, pins, (volume, path, pin) => {
        const text = formatApiPath({ volume, path, ...pin });
        assert.deepEqual(parsePinnedPath(text), { volume, path, ...pin });
        if ('at' in pin) rejects('bad_request', () => parseApiPath(text));
        else assert.deepEqual(parseApiPath(text), { volume, path });
      }),
    );
  });
});

describe('parseApiPath()', () => {
  it('restores what formatApiPath() writes', () => {
    fc.assert(
      fc.property(volumes, paths, (volume, path) => {
        assert.deepEqual(parseApiPath(formatApiPath({ volume, path })), { volume, path });
      }),
    );
  });

  it('accepts a slash at the end', () => {
    assert.deepEqual(parseApiPath('/vision/a/'), { volume: 'vision', path: 'a' });
    assert.deepEqual(parseApiPath('/vision/'), { volume: 'vision', path: '' });
  });

  for (const text of [
    '',
    '/',
    'vision/a',
    '//a',
    '/Vision/a',
    '/vision//',
    '/vision//a',
    '/vision/../a',
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => rejects('bad_request', () => parseApiPath(text)));
  }
});

function rejects(code: ErrorCode, action: () => unknown): void {
  assert.equal(thrownBy(action).code, code);
}

function thrownBy(action: () => unknown): Error & { readonly code: ErrorCode } {
  try {
    action();
  } catch (error) {
    assert(isGdpfsError(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}
