import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { withoutControls } from './output.ts';
import { escapeForShell, readShellLine } from './shell-words.ts';

test('readShellLine() tells the words that are whole from the one that is being typed', () => {
  assert.deepEqual(readShellLine('gdpfs ls  gdp://v/a\\ b'), {
    words: ['gdpfs', 'ls'],
    last: 'gdp://v/a b',
    typed: 'gdp://v/a\\ b',
  });
  assert.deepEqual(readShellLine(`gdpfs cp 'a b' "c'd" `), {
    words: ['gdpfs', 'cp', 'a b', "c'd"],
    last: '',
    typed: '',
  });
  assert.equal(readShellLine('gdpfs ls "gdp://v/a').last, undefined);
});

/** No line ends: nobody types them, and a name with one is not offered. */
const anyName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => {
  return text === withoutControls(text) && text.isWellFormed();
});

test('what escapeForShell() writes is read back by readShellLine() and by bash', () => {
  const names: string[] = ['a b', "it's", '$HOME', '`x`', '*?[a]', '#!&;|<>(){}', '\\', 'é"'];
  fc.assert(
    fc.property(anyName, (name) => {
      names.push(name);
      assert.deepEqual(readShellLine(`gdpfs ${escapeForShell(name)}`).last, name);
    }),
  );
  const words = names.map((name) => `x${escapeForShell(name)}`).join(' ');
  const { stdout } = spawnSync('bash', ['-c', `printf '%s\\n' ${words}`], { encoding: 'utf8' });
  assert.deepEqual(
    stdout.split('\n').slice(0, -1),
    names.map((name) => `x${name}`),
  );
});
