/** Bytes of released versions stay readable: see test/fixtures/format/v1/README.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hexDecode, utf8Decode } from '../../src/base/bytes.ts';

/**
 * SHA-256 of every fixture. A change here says that stored data of that version has another meaning
 * now; there is no reason to make one. New files get new lines.
 */
export const FIXTURES: Readonly<Record<string, string>> = {
  'checkpoint-extended.note': 'b0c5f1039b5f8fc0264ce8e9683a903382e961529722e4288750c011c3bf19f5',
  'checkpoint-rotated.note': '3ab870288a4a19a9caddeeb96b19ce6947e2ac1f03a9964b4da99a891bccddb2',
  'checkpoint.note': 'e828c021206c7ef224a72cf4e3280e8eb76cc01383b6d5b237a8c4b232e36745',
  'chunk-frames.hex': '3b9652d91f31f684d5fd0eca6d19800737d9f8901b23a70ffe8f40eb26a63f50',
  'chunking.json': '6cbff975a0872901346f5ea17648efe6137c6d9f4637ded219cee3400b8ffeda',
  'commit-first.hex': '2d831101ae7eaab96870898ab31ee14d93ce07868b242ce236a59d31ffd814df',
  'commit-rotated.hex': 'edc6a29528f7b398229a669ea89d9766123c6bb00c3f61696a6e717333a40c2b',
  'commit-second.hex': 'b448d1609a468dc47bd068abdabe652a3054d3afe658ae8e0d49311baf086a76',
  'manifest.hex': 'e2b09c82e5261286aa628d6cae588bc04738f6b233bd9a042395c1e93c831adc',
  'merkle-frontier.hex': '5816b5907032b2fc52dcb12e7a85dd1ca76c1c177b84a1f51ef3aab68a4fb8c7',
  'record-dentry-directory.hex': '503c3d986b694e6cf632cccce36f62007f08f25b5338803064423b75ec11afd3',
  'record-dentry-file.hex': '5e1dab8ed91c757039f5be1de9b6813e478137eb2993c1438474b2415968b776',
  'record-dentry-removed.hex': '58c512a26a9e24c18882c0bbe84973d0fec175a875bc1220d07bc891339d4b6b',
  'record-dentry-symlink.hex': 'd347cf455f92b3d422ae02f623ee85d6eaa3bff51b3531735e095aff8cca9fcd',
  'record-fchunk-end.hex': 'e3f2eb5696035deac49543ec7ef2fe66e054d4b3f66f943c9e0348335d3a4043',
  'record-fchunk.hex': '25280279c19e51e469907d0820d4b640f66685da21b750c8a14cd5d1152f8df0',
  'record-meta-directory.hex': '61df07da3b8f973e0c0e978e66c641927405886b61e8599f4d27ce04743a7cbc',
  'record-meta-file.hex': '5a9e987b7aae1f231958a2fff79d6804bcf3398bc1496ab695d209289d99630b',
  'record-system-volume-removed.hex':
    '091ea12352324d4fbd2a281062e743138b6000b0f0959dbd0c49bf8a0769e2a9',
  'record-system-volume.hex': '78caca23f9a672642a3f287ea06be59df798b459eddc6c8c257177cd4b116f0b',
  'record-volume-policy-rotated.hex':
    'fa1e4b39ecf7b7684a0175aa6a87d024629195a2c6842400a2fd028213dceb3b',
  'record-volume-policy-snapshots.hex':
    '13923122088e0e2794f990242e2b4d38a44bb3c89b14fbb2199544b14dabef8c',
  'record-volume-policy.hex': 'a422b3496b4a7f966c15703adda89be886f4baf972cffa54f8020182a53603a4',
  'store/segments/0000000001.seg':
    '977ee96d72103f9ce8f97dc161560a13deefb397f3ca2f7c0b85f4c8d8e6e030',
  'store/segments/0000000002.open':
    'f4f4faede84015452d9193640fc196423cb468016fc46aca030480deca825545',
  'store-padded/segments/0000000001.seg':
    '41fdb869f2ab2b1c7707f07a83ec088124a03eb4130950588a682226830e6888',
  'store-freed/segments/0000000001.seg':
    'ba94863dc13e4d96e4dde5bacaad0ccfe609c2e9101ec3c9a6b76d82dc4c7a99',
};

export const DIRECTORY = new URL('../fixtures/format/v1/', import.meta.url);

/** Names of the volume that records, commits and segments are of, and of its file. */
export const VOLUME = '9863ec89196e326f8f9a8c518f3ad32e96864b28469a96a2c628209996b072ce';
export const FILE_LOG = 'b0a7976d2ee34540b9434842ee5c98c2e6af8d4ebacda1a54857448652615009';

const unread = new Set(Object.keys(FIXTURES));

/** Those that nothing in this process has asked for. */
export function unreadFixtures(): string[] {
  return [...unread];
}

export function noteRead(name: string): void {
  unread.delete(name);
}

export function readFixture(name: string): Uint8Array {
  noteRead(name);
  return new Uint8Array(readFileSync(new URL(name, DIRECTORY)));
}

export function readHex(name: string): Uint8Array {
  return hex(utf8Decode(readFixture(name)).replaceAll('\n', ''));
}

export function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  assert(bytes, 'hexadecimal');
  return bytes;
}

/** 16 bytes from `first` on upwards. */
export function counting(first: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => first + index);
}
