import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { ROOM_BYTES } from '../storage/segment-files.ts';
import { ReadRooms } from './read-rooms.ts';

const MIB = 1024 * 1024;

/** Takes as many as there are. */
function takeAll(rooms: ReadRooms, length: number): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let room = rooms.take(length); room !== undefined; room = rooms.take(length)) all.push(room);
  return all;
}

test('take() lends a bounded number of bytes, each to one at a time', () => {
  const rooms = new ReadRooms();
  const all = takeAll(rooms, MIB);
  assert.equal(new Set(all.map(({ buffer }) => buffer)).size, all.length);
  for (const { length } of all) assert(length >= MIB + ROOM_BYTES);
  const bytes = all.reduce((sum, { length }) => sum + length, 0);
  assert(bytes <= LIMITS.directReadRoomBytesMax && bytes > LIMITS.directReadRoomBytesMax - 2 * MIB);
  const [first] = all;
  assert(first !== undefined);
  rooms.give(first);
  assert.equal(rooms.take(MIB - 1), first);
  assert.equal(rooms.take(MIB), undefined);
});

test('take() leaves small chunks to others', () => {
  assert.equal(new ReadRooms().take(LIMITS.directReadBytesMin - 1), undefined);
});

test('what is free makes room for chunks of another size', () => {
  const rooms = new ReadRooms();
  for (const room of takeAll(rooms, LIMITS.directReadBytesMin)) rooms.give(room);
  assert(rooms.take(LIMITS.chunkBytesMax) !== undefined);
});

test('what is lost is not lent again, and takes no room', () => {
  const rooms = new ReadRooms();
  const all = takeAll(rooms, MIB);
  for (const room of all) rooms.lose(room);
  const more = takeAll(rooms, MIB);
  assert.equal(more.length, all.length);
  assert(more.every((room) => !all.includes(room)));
});
