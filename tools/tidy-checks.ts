import { dirname, join } from 'node:path/posix';
import { parse } from 'yaml';

/** The house rules that no other tool checks. Each check is pure: files in, findings out. */

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** The repository as the checks see it. */
export interface Tree {
  /** Files that people write: nothing generated, installed or built. */
  readonly files: readonly SourceFile[];
  /** Codes of the error table. */
  readonly errorCodes: readonly string[];
  /** Names of the limits table. */
  readonly limitNames: readonly string[];
}

export interface Finding {
  readonly path: string;
  readonly message: string;
}

type Check = (tree: Tree) => Finding[];

export const CHECKS: Readonly<Record<string, Check>> = {
  'links resolve': brokenLinks,
  'one title': titles,
  'file names': vagueFileNames,
  'file length': longFiles,
  leftovers,
  'error codes': errorCodes,
  limits: unusedLimits,
  'format tests': formatsWithoutTest,
  'lock file': incompleteLock,
  'held promises': unheldPromises,
  decisions: unlistedDecisions,
  'seeded properties': unseededProperties,
};

const SOURCE_LINES_MAX = 400;

function brokenLinks(tree: Tree): Finding[] {
  const documents = new Map(markdown(tree).map((file) => [file.path, file]));
  const paths = new Set(tree.files.flatMap((file) => [file.path, ...directories(file.path)]));
  return [...documents.values()].flatMap((file) =>
    relativeLinks(file)
      .filter((link) => {
        const [target = '', anchor] = link.split('#', 2);
        const path = target === '' ? file.path : join(dirname(file.path), decodeURI(target));
        const document = documents.get(path.replace(/\/$/, ''));
        if (anchor !== undefined && document !== undefined) return !anchors(document).has(anchor);
        return !paths.has(path.replace(/\/$/, ''));
      })
      .map((link) => ({ path: file.path, message: `link to "${link}" does not resolve` })),
  );
}

function titles(tree: Tree): Finding[] {
  return markdown(tree)
    .map((file) => ({
      path: file.path,
      count: headings(file).filter(({ level }) => level === 1).length,
    }))
    .filter(({ count }) => count !== 1)
    .map(({ path, count }) => ({ path, message: `${count} titles ("# ..."), need one` }));
}

function vagueFileNames(tree: Tree): Finding[] {
  return tree.files
    .filter(({ path }) => /(^|[/_.-])(utils?|helpers?|misc)([/_.-]|$)/i.test(path))
    .map(({ path }) => ({ path, message: 'vague name, need one that says what is in it' }));
}

function longFiles(tree: Tree): Finding[] {
  return code(tree)
    .filter(({ path }) => !isTest(path) && !path.endsWith('.yaml'))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > SOURCE_LINES_MAX)
    .map(({ path, lines }) => ({
      path,
      message: `${lines} lines, need at most ${SOURCE_LINES_MAX}`,
    }));
}

// The brackets keep this file from finding itself.
const LEFTOVER = /\b(?:TO[D]O|FIX[M]E)\b/;

function leftovers(tree: Tree): Finding[] {
  return [...code(tree), ...markdown(tree)].flatMap(({ path, text }) =>
    text
      .split('\n')
      .map((line, index) => ({ number: index + 1, word: LEFTOVER.exec(line)?.[0] }))
      .filter(({ word }) => word !== undefined)
      .map(({ number, word }) => ({ path, message: `line ${number} has a ${word}` })),
  );
}

const CONTRACT_PATH = 'api/openapi.yaml';

/** The contract's enumeration of codes is the error table, in the same order. */
function errorCodes(tree: Tree): Finding[] {
  const contract = tree.files.find(({ path }) => path === CONTRACT_PATH);
  if (contract === undefined) return [];
  const document: { components?: { schemas?: { ErrorCode?: { enum?: readonly string[] } } } } =
    parse(contract.text);
  const documented = document.components?.schemas?.ErrorCode?.enum ?? [];
  if (documented.join() === tree.errorCodes.join()) return [];
  const missing = tree.errorCodes.filter((each) => !documented.includes(each));
  const unknown = documented.filter((each) => !tree.errorCodes.includes(each));
  const message = `ErrorCode differs from ERRORS: missing [${missing.join(', ')}], unknown [${unknown.join(', ')}]`;
  return [{ path: CONTRACT_PATH, message }];
}

const LIMITS_PATH = 'src/base/limits.ts';

/**
 * A limit that nothing enforces is a promise that nobody keeps. Those of the contract are enforced
 * where a request is checked against it.
 */
function unusedLimits(tree: Tree): Finding[] {
  const users = code(tree).filter(({ path }) => !isTest(path) && path.startsWith('src/'));
  const contract = tree.files.filter(({ path }) => path === CONTRACT_PATH);
  const isUsed = (name: string): boolean =>
    users.some(({ text }) => new RegExp(`\\bLIMITS\\.${name}\\b`).test(text)) ||
    contract.some(({ text }) => new RegExp(`^ *x-gdpfs-body-limit: ${name}$`, 'm').test(text));
  return tree.limitNames
    .filter((name) => !isUsed(name))
    .map((name) => ({ path: LIMITS_PATH, message: `nothing uses the limit "${name}"` }));
}

const PROPERTY_PATH = 'test/support/property.ts';

/** A check that fails in one run of many says nothing about the change that it ran for. */
function unseededProperties(tree: Tree): Finding[] {
  return code(tree)
    .filter(({ path, text }) => path !== PROPERTY_PATH && /^import .* 'fast-check';$/m.test(text))
    .map(({ path }) => ({ path, message: `imports fast-check, need ${PROPERTY_PATH}` }));
}

function formatsWithoutTest(tree: Tree): Finding[] {
  const paths = new Set(tree.files.map(({ path }) => path));
  return [...paths]
    .filter((path) => /^src\/format\/[^/]+\.ts$/.test(path))
    .filter((path) => !isTest(path) && !path.endsWith('/index.ts'))
    .filter((path) => !paths.has(path.replace(/\.ts$/, '.test.ts')))
    .map((path) => ({ path, message: 'no test beside it, and format bytes are forever' }));
}

const LOCK_PATH = 'package-lock.json';

/**
 * The lock file names the packages of every platform. npm leaves out those that its registry did not
 * have, and then `npm ci` fails, or installs no tools, elsewhere.
 */
function incompleteLock(tree: Tree): Finding[] {
  const file = tree.files.find(({ path }) => path === LOCK_PATH);
  if (file === undefined) return [];
  const lock: {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  } = JSON.parse(file.text);
  const optional = Object.values(lock.packages).flatMap((each) =>
    Object.keys(each.optionalDependencies ?? {}),
  );
  return optional
    .filter((name) => lock.packages[`node_modules/${name}`] === undefined)
    .map((name) => ({ path: LOCK_PATH, message: `"${name}" is missing` }));
}

/**
 * A document that numbers invariants (`**I1. …**`) names a test that holds each, as
 * `[word](file.test.ts): "title"`.
 */
function unheldPromises(tree: Tree): Finding[] {
  const tests = new Map(
    tree.files.filter(({ path }) => isTest(path)).map((file) => [file.path, file]),
  );
  return markdown(tree).flatMap(({ path, text }) => {
    const [, ...promises] = text.split(/^(?=\*\*[A-Z]\d+\. )/m);
    const letter = promises[0]?.charAt(2);
    return promises.flatMap((promise, index) => {
      const messages: string[] = [];
      const name = `${letter}${index + 1}`;
      if (!promise.startsWith(`**${name}. `)) messages.push(`no ${name}`);
      const held = [...promise.matchAll(/\]\(([^()\s]+\.test\.ts)\): "([^"]+)"/g)];
      if (held.length === 0) messages.push(`no test holds ${name}`);
      for (const [, target = '', title = ''] of held) {
        const test = tests.get(join(dirname(path), target));
        if (test === undefined || !hasTest(test, title)) messages.push(`no test "${title}"`);
      }
      return messages.map((message) => ({ path, message }));
    });
  });
}

const DECISIONS_PATH = 'docs/decisions/README.md';

/** Decisions are numbered in their titles as in their names, and the index has all of them. */
function unlistedDecisions(tree: Tree): Finding[] {
  const index = tree.files.find(({ path }) => path === DECISIONS_PATH)?.text ?? '';
  return markdown(tree).flatMap(({ path, text }) => {
    const [, name = '', number] = /^docs\/decisions\/((\d{4})-.*)$/.exec(path) ?? [];
    if (number === undefined) return [];
    const messages = [
      ...(text.startsWith(`# ${number}: `) ? [] : [`its title needs to begin with "${number}: "`]),
      ...(index.includes(`](${name})`) ? [] : [`it is not in ${DECISIONS_PATH}`]),
    ];
    return messages.map((message) => ({ path, message }));
  });
}

/** Has the file a test of that title? What a template puts into its title may be anything. */
function hasTest({ text }: SourceFile, title: string): boolean {
  const calls = text.matchAll(/\b(?:test|it)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g);
  return [...calls].some(([, , literal = '']) => {
    const parts = literal.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/\\(.)/g, '$1'));
    const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+');
    return new RegExp(`^${pattern}$`).test(title);
  });
}

function markdown(tree: Tree): SourceFile[] {
  return tree.files.filter(({ path }) => path.endsWith('.md'));
}

function code(tree: Tree): SourceFile[] {
  return tree.files.filter(({ path }) => /\.(tsx?|js|py|cc|h|css|html|proto|ya?ml|sh)$/.test(path));
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('test/');
}

/** All folders that `path` is in. */
function directories(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [parent] : [parent, ...directories(parent)];
}

interface Heading {
  readonly level: number;
  readonly text: string;
}

/** The lines of a document that are not code. */
function prose(file: SourceFile): string {
  return file.text
    .replace(/^( *)(```|~~~)[\s\S]*?^ *\2/gm, '')
    .replace(/`[^`\n]*`/g, (span) => span.replace(/[[\]()#]/g, ''));
}

function headings(file: SourceFile): Heading[] {
  return [...prose(file).matchAll(/^(#{1,6}) +(.*)$/gm)].map(([, marks = '', text = '']) => ({
    level: marks.length,
    text,
  }));
}

/** As GitHub makes them from headings, without numbering repeated ones. */
function anchors(file: SourceFile): Set<string> {
  return new Set(
    headings(file).map(({ text }) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/ /g, '-'),
    ),
  );
}

/** Targets of `[text](target)` and `[text]: target` that are not absolute. */
function relativeLinks(file: SourceFile): string[] {
  const text = prose(file);
  const links = [
    ...text.matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)/g),
    ...text.matchAll(/^\[[^\]]+\]: +(\S+)/gm),
  ];
  return links
    .map(([, target = '']) => target)
    .filter((target) => !/^([a-z][a-z0-9+.-]*:|\/)/i.test(target));
}
