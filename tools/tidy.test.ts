import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHECKS, type SourceFile } from './tidy-checks.ts';

/** Every check is shown a tree that it must complain about and one that it must not. */

interface Case {
  readonly check: keyof typeof CHECKS;
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  /** What the messages must say, one each. Empty: nothing to complain about. */
  readonly findings: readonly RegExp[];
}

const lines = (count: number): string => 'x\n'.repeat(count);
const contract = (codes: string): string =>
  `components: { schemas: { ErrorCode: { type: string, enum: [${codes}] } } }`;

const CASES: readonly Case[] = [
  {
    check: 'links resolve',
    title: 'reports links to missing files and headings',
    files: {
      'docs/a.md': '# A\n[x](missing.md) [y](b.md#nothing) [z](#nowhere)\n\n[w]: ../gone.ts',
      'docs/b.md': '# B',
    },
    findings: [/"missing.md"/, /"b.md#nothing"/, /"#nowhere"/, /"..\/gone.ts"/],
  },
  {
    check: 'links resolve',
    title: 'accepts files, folders, headings, URLs, and whatever is in code',
    files: {
      'docs/a.md':
        '# A `b` (c)!\n[x](b.md) [y](../src/) [z](#a-b-c) [w](b.md#two-words) [u](https://x.org/)\n```\n[x](missing.md)\n```\n`[x](missing.md)`',
      'docs/b.md': '# B\n## Two words',
      'src/x.ts': '',
    },
    findings: [],
  },
  {
    check: 'seeded properties',
    title: 'reports a test whose cases differ from run to run',
    files: { 'src/x.test.ts': "import fc from 'fast-check';\n" },
    findings: [/imports fast-check/],
  },
  {
    check: 'seeded properties',
    title: 'accepts the module that sets the seed, and who imports it',
    files: {
      'test/support/property.ts': "import fc from 'fast-check';\n",
      'src/x.test.ts': "import { fc } from '../test/support/property.ts';\n",
    },
    findings: [],
  },
  {
    check: 'held promises',
    title: 'reports invariants out of order, without a test, and with one that is not there',
    files: {
      'docs/a.md': '# A\n**I1. One.**\n\n**I3. Two.**\n- [x](../x.test.ts): "other"',
      'docs/b.md': '# B\n**S1. One.**',
      'x.test.ts': "test('title', () => {});",
    },
    findings: [/no test holds I1/, /no I2/, /no test "other"/, /no test holds S1/],
  },
  {
    check: 'held promises',
    title: 'accepts titles of tests, also where a template makes them',
    files: {
      'docs/a.md':
        '# A\n**I1. One.**\n- [x](../x.test.ts): "a title (b)"\n- [x](../x.test.ts): "it\'s"',
      'x.test.ts': "test(`a ${what} (b)`, () => {});\ntest(\n  'it\\'s', () => {});",
    },
    findings: [],
  },
  {
    check: 'decisions',
    title: 'reports those without a number, and those that the index does not have',
    files: {
      'docs/decisions/README.md': '# Decisions\n[0001](0001-a.md)',
      'docs/decisions/0001-a.md': '# A',
      'docs/decisions/0002-b.md': '# 0002: B',
    },
    findings: [/its title needs to begin with "0001: "/, /it is not in/],
  },
  {
    check: 'decisions',
    title: 'accepts those with a number that are in the index, and other documents',
    files: {
      'docs/decisions/README.md': '# Decisions\n[0001](0001-a.md)',
      'docs/decisions/0001-a.md': '# 0001: A',
      'docs/a.md': '# A',
    },
    findings: [],
  },
  {
    check: 'one title',
    title: 'reports documents with no title or with two',
    files: { 'a.md': 'text', 'b.md': '# One\n# Two' },
    findings: [/0 titles/, /2 titles/],
  },
  {
    check: 'one title',
    title: 'does not count comments in code',
    files: { 'a.md': '# One\n## Part\n```sh\n# comment\n```' },
    findings: [],
  },
  {
    check: 'file names',
    title: 'reports names that say nothing',
    files: {
      'src/utils.ts': '',
      'src/test-helper.ts': '',
      'src/misc/a.ts': '',
      'src/a_util.py': '',
    },
    findings: [/vague/, /vague/, /vague/, /vague/],
  },
  {
    check: 'file names',
    title: 'accepts words that only contain those',
    files: { 'src/utility-belt.ts': '', 'src/miscount.ts': '' },
    findings: [],
  },
  {
    check: 'file length',
    title: 'reports sources over 400 lines',
    files: { 'src/a.ts': lines(401) },
    findings: [/401 lines/],
  },
  {
    check: 'file length',
    title: 'accepts 400 lines, and more in tests and documents',
    files: { 'src/a.ts': lines(400), 'src/a.test.ts': lines(500), 'docs/a.md': lines(500) },
    findings: [],
  },
  {
    check: 'leftovers',
    title: 'reports work that was put off',
    files: { 'src/a.ts': `\n// ${'TO'}DO: later`, 'docs/a.md': `${'FIX'}ME` },
    findings: [/line 2 has a TO/, /line 1 has a FIX/],
  },
  {
    check: 'leftovers',
    title: 'accepts other words',
    files: { 'src/a.ts': 'toDos' },
    findings: [],
  },
  {
    check: 'error codes',
    title: 'reports a contract with other codes than the table',
    files: { 'api/openapi.yaml': contract('busy, strange') },
    findings: [/missing \[corrupt\], unknown \[strange\]/],
  },
  {
    check: 'error codes',
    title: 'reports a contract without codes',
    files: { 'api/openapi.yaml': 'openapi: 3.1.0' },
    findings: [/missing \[busy, corrupt\]/],
  },
  {
    check: 'error codes',
    title: 'accepts the same codes',
    files: { 'api/openapi.yaml': contract('busy, corrupt') },
    findings: [],
  },
  {
    check: 'limits',
    title: 'reports limits that only tests use',
    files: { 'src/a.test.ts': 'LIMITS.nameBytesMax', 'src/b.ts': 'LIMITS.nameBytesMaximum' },
    findings: [/"nameBytesMax"/],
  },
  {
    check: 'limits',
    title: 'reports limits that the contract names elsewhere than as that of a body',
    files: {
      'api/openapi.yaml': 'description: nameBytesMax\nx-gdpfs-body-limit: nameBytesMaximum',
      'api/other.yaml': 'x-gdpfs-body-limit: nameBytesMax',
    },
    findings: [/"nameBytesMax"/],
  },
  {
    check: 'limits',
    title: 'accepts limits that sources use',
    files: { 'src/a.ts': 'LIMITS.nameBytesMax' },
    findings: [],
  },
  {
    check: 'limits',
    title: 'accepts limits of bodies in the contract',
    files: { 'api/openapi.yaml': 'content:\n  x-gdpfs-body-limit: nameBytesMax\n' },
    findings: [],
  },
  {
    check: 'format tests',
    title: 'reports formats without a test',
    files: { 'src/format/a.ts': '', 'src/fs/b.ts': '' },
    findings: [/no test/],
  },
  {
    check: 'format tests',
    title: 'accepts formats with a test, and the index',
    files: { 'src/format/a.ts': '', 'src/format/a.test.ts': '', 'src/format/index.ts': '' },
    findings: [],
  },
  {
    check: 'lock file',
    title: 'reports optional packages without an entry',
    files: {
      'package-lock.json': JSON.stringify({
        packages: {
          'node_modules/a': { optionalDependencies: { 'a-linux': '1.0.0', 'a-darwin': '1.0.0' } },
          'node_modules/a-linux': {},
        },
      }),
    },
    findings: [/"a-darwin"/],
  },
  {
    check: 'lock file',
    title: 'accepts a complete lock',
    files: { 'package-lock.json': JSON.stringify({ packages: { '': {} } }) },
    findings: [],
  },
];

describe('tidy', () => {
  for (const { check, title, files, findings } of CASES) {
    it(`${check}: ${title}`, () => {
      const messages = run(check, files);
      assert.equal(messages.length, findings.length, messages.join('\n'));
      for (const [index, pattern] of findings.entries()) {
        assert.match(messages[index] ?? '', pattern);
      }
    });
  }

  it('every check has a case that makes it fail', () => {
    const failing = new Set(
      CASES.filter(({ findings }) => findings.length > 0).map((each) => each.check),
    );
    assert.deepEqual([...failing].sort(), Object.keys(CHECKS).sort());
  });
});

function run(name: string, texts: Readonly<Record<string, string>>): string[] {
  const files: SourceFile[] = Object.entries(texts).map(([path, text]) => ({ path, text }));
  const check = CHECKS[name];
  assert(check);
  const tree = {
    files,
    errorCodes: ['busy', 'corrupt'],
    limitNames: name === 'limits' ? ['nameBytesMax'] : [],
  };
  return check(tree).map(({ message }) => message);
}
