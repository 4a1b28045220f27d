import type { Command } from 'commander';
import { isGdpfsError } from '../base/errors.ts';
import { listPage } from '../client/files.ts';
import { Servers } from '../client/servers.ts';
import { listVolumes } from '../client/volumes.ts';
import { LIMITS } from '../base/limits.ts';
import type { Context } from './context.ts';
import { withoutControls } from './output.ts';
import { escapeForShell, readShellLine } from './shell-words.ts';
import type { Verb } from './verb.ts';

const REMOTE = 'gdp://';

/** Whose commands are completed. */
export interface Completed {
  readonly context: Context;
  readonly verbs: Readonly<Record<string, Verb>>;
}

/** What a shell wants to hear. */
export interface CompletionForm {
  /** Characters at which it takes words apart: what is behind the last of them it replaces. */
  readonly breaks: string;
  /** Without backslashes, and without a blank behind what nothing can follow. */
  readonly plain?: boolean;
}

/**
 * What the word at the end of `line` may become, each with a blank behind it if nothing can follow. Names on the local machine
 * are the shell's own. A server that does not answer soon has no names.
 */
export async function completionsOf(
  line: string,
  { breaks, plain = false }: CompletionForm,
  completed: Completed,
): Promise<string[]> {
  const { words, last, typed } = readShellLine(line);
  if (last === undefined) return [];
  const found = await candidatesOf(words.slice(1), last, completed);
  const kept = found.filter((text) => text.startsWith(last) && text === withoutControls(text));
  const start = lastBreak(typed, breaks);
  return kept.map((text) => {
    const isWhole = text.endsWith(' ');
    if (plain) return isWhole ? text.slice(0, -1) : text;
    const escaped = escapeForShell(isWhole ? text.slice(0, -1) : text);
    return (isWhole ? `${escaped} ` : escaped).slice(start);
  });
}

/** Length of what the shell leaves as it is. */
function lastBreak(typed: string, breaks: string): number {
  const ends = [':', '='].map((each) => (breaks.includes(each) ? typed.lastIndexOf(each) + 1 : 0));
  return Math.max(...ends);
}

async function candidatesOf(
  words: readonly string[],
  last: string,
  completed: Completed,
): Promise<string[]> {
  const { profile, rest } = withoutProfile(words);
  const [name, ...others] = rest;
  if (name === undefined && !last.startsWith('-')) {
    return Object.keys(completed.verbs).map((verb) => `${verb} `);
  }
  if (last.startsWith(REMOTE)) return await remoteNames(completed.context, profile, last);
  const verb = Object.hasOwn(completed.verbs, name ?? '') ? completed.verbs[name ?? ''] : undefined;
  if (verb === undefined) return [];
  const command = below((await verb.load())(completed.context), others);
  if (last.startsWith('-')) return optionsOf(command);
  if (command.commands.length > 0) return command.commands.map((child) => `${child.name()} `);
  return last === '' ? [] : [REMOTE];
}

/** The profile that the words name, and the others. */
function withoutProfile(words: readonly string[]): {
  readonly profile: string | undefined;
  readonly rest: readonly string[];
} {
  const joined = '--profile=';
  const index = words.findIndex((word) => word === '--profile' || word.startsWith(joined));
  const word = words[index];
  if (word === undefined) return { profile: undefined, rest: words };
  if (word.startsWith(joined)) {
    return { profile: word.slice(joined.length), rest: words.toSpliced(index, 1) };
  }
  return { profile: words[index + 1], rest: words.toSpliced(index, 2) };
}

/** The subcommand that the words lead to. */
function below(command: Command, words: readonly string[]): Command {
  const [word, ...rest] = words;
  const child = command.commands.find((each) => each.name() === word);
  return child === undefined ? command : below(child, rest);
}

function optionsOf(command: Command): string[] {
  const own = command.options.flatMap(({ long, hidden }) => (hidden || !long ? [] : [`${long} `]));
  return [...own, '--help ', '--profile '];
}

/** Volumes, or what is in the directory that the text leads to. */
async function remoteNames(
  context: Context,
  profile: string | undefined,
  text: string,
): Promise<string[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LIMITS.completionMs)]);
  const path = text.slice(REMOTE.length);
  const end = path.lastIndexOf('/');
  try {
    await using servers = new Servers(context.home, profile);
    const session = await servers.session();
    if (end === -1) {
      const volumes = await listVolumes(session, { signal });
      return volumes.map(({ alias }) => `${REMOTE}${alias}/`);
    }
    const directory = path.slice(0, end);
    const limit = LIMITS.listPageMax;
    const { entries } = await listPage(session, `/${directory}`, { limit, signal });
    return entries.map(({ name, kind }) => {
      return `${REMOTE}${directory}/${name}${kind === 'directory' ? '/' : ' '}`;
    });
  } catch (error) {
    // Nobody who presses a key wants to read why.
    if (signal.aborted || isGdpfsError(error)) return [];
    throw error;
  }
}
