import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isGdpfsError } from '../../base/errors.ts';
import { compileFilter, type FilterRule, parseFilterFile } from './filter.ts';

/** Pattern, path, does it match? A `/` at the end of the path says that it is a directory. */
const MATCHES: readonly (readonly [string, string, boolean])[] = [
  ['a', 'a', true],
  ['a', 'b/a', true],
  ['a', 'ba', false],
  ['a', 'a/b', false],
  ['/a', 'a', true],
  ['/a', 'b/a', false],
  ['a/b', 'a/b', true],
  ['a/b', 'c/a/b', true],
  ['a/b', 'ca/b', false],
  ['/a/b', 'c/a/b', false],
  ['*.txt', 'x.txt', true],
  ['*.txt', 'd/x.txt', true],
  ['*.txt', '.txt', true],
  ['*.txt', 'x.txt.gz', false],
  ['/*.txt', 'd/x.txt', false],
  ['a*c', 'abbc', true],
  ['a*c', 'a/c', false],
  ['a**c', 'a/b/c', true],
  ['a/**/c', 'a/c', true],
  ['a/**/c', 'a/b/b/c', true],
  ['a/**', 'a/b/c', true],
  ['a/**', 'a', false],
  ['**/c', 'c', true],
  ['**/c', 'a/b/c', true],
  ['/**/c', 'a/c', true],
  ['a?c', 'abc', true],
  ['a?c', 'a\u{1f600}c', true],
  ['a?c', 'a/c', false],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[!a-c]x', 'dx', true],
  ['[^a-c]x', 'ax', false],
  ['a[!b]c', 'a/c', false],
  ['[]]x', ']x', true],
  ['[]-]x', '-x', true],
  ['[\\]a]x', ']x', true],
  ['[.]x', 'ax', false],
  ['[\\\\]x', '\\x', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['a\\[', 'a[', true],
  ['a.b', 'axb', false],
  ['a+(b)|$^', 'a+(b)|$^', true],
  ['line*', 'line\nbreak', true],
  ['build/', 'build/', true],
  ['build/', 'build', false],
  ['build/', 'x/build/', true],
  ['/build/', 'x/build/', false],
  ['a/b/', 'a/b/', true],
  ['data/***', 'data/', true],
  ['data/***', 'data/a/b', true],
  ['data/***', 'database', false],
];

function exclude(pattern: string): FilterRule {
  return { kind: 'exclude', pattern };
}

function nameOf(path: string): { relative: string; kind: string } {
  return path.endsWith('/')
    ? { relative: path.slice(0, -1), kind: 'directory' }
    : { relative: path, kind: 'file' };
}

describe('compileFilter()', () => {
  for (const [pattern, path, isMatch] of MATCHES) {
    const title = `${JSON.stringify(pattern)} ${isMatch ? 'matches' : 'does not match'} ${JSON.stringify(path)}`;
    test(title, () => {
      assert.equal(compileFilter([exclude(pattern)])(nameOf(path)), isMatch);
    });
  }

  test('lets the first rule that matches decide', () => {
    const rules = parseFilterFile('+ keep.tmp\n- *.tmp\n+ *\n- keep.tmp\n');
    const isExcluded = compileFilter(rules);
    assert.equal(isExcluded(nameOf('a/keep.tmp')), false);
    assert.equal(isExcluded(nameOf('a/other.tmp')), true);
    assert.equal(isExcluded(nameOf('a/other')), false);
  });

  test('refuses patterns that mean nothing', () => {
    for (const pattern of ['', '/', 'a[b', 'a\\', '[c-a]']) {
      assert.throws(
        () => compileFilter([exclude(pattern)]),
        (error) => isGdpfsError(error, 'usage'),
        pattern,
      );
    }
  });
});

describe('parseFilterFile()', () => {
  test('reads rules and passes over comments', () => {
    const text = '# images\n+ *.jpg\r\n\n; and no more\n-  /a b/ \n';
    assert.deepEqual(parseFilterFile(text), [
      { kind: 'include', pattern: '*.jpg' },
      { kind: 'exclude', pattern: '/a b/ ' },
    ]);
  });

  test('forgets at "!" what came before', () => {
    assert.deepEqual(parseFilterFile('- a\n!\n- b'), [exclude('b')]);
  });

  test('refuses a line that is no rule, and names it', () => {
    assert.throws(() => parseFilterFile('+ a\n*.jpg'), /line 2 is "\*\.jpg"/);
  });
});
