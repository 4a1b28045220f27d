import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leadsOut } from './safe-link.ts';

test('leadsOut() lets links be that stay in the tree', () => {
  const links = [
    ['l', 'file'],
    ['l', './a//b/'],
    ['l', '.'],
    ['a/l', '..'],
    ['a/l', '../b'],
    ['a/b/c/l', './.././../../top'],
    ['l', '..name'],
    ['l', 'a/...'],
  ] as const;
  for (const [relative, target] of links) {
    assert(!leadsOut(relative, target), `${relative} -> ${target}`);
  }
});

test('leadsOut() tells absolute links, those above the root, and those that only seem to come back', () => {
  const links = [
    ['l', '/etc/passwd'],
    ['l', '/'],
    ['l', '..'],
    ['l', './../x'],
    ['a/l', '../../x'],
    ['a/l', '..//./..'],
    ['l', 'a/..'],
    ['a/b/l', '../other-link/../../x'],
  ] as const;
  for (const [relative, target] of links) {
    assert(leadsOut(relative, target), `${relative} -> ${target}`);
  }
});
