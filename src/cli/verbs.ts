import type { Verb } from './verb.ts';

/** In the order of the help. */
export const VERBS: Readonly<Record<string, Verb>> = {
  login: {
    summary: 'enrol at a server with an invitation token',
    load: async () => (await import('./commands/login.ts')).loginCommand,
  },
  whoami: {
    summary: 'show who you are at the server',
    load: async () => (await import('./commands/whoami.ts')).whoamiCommand,
  },
  profile: {
    summary: 'show and choose logins',
    load: async () => (await import('./commands/profile.ts')).profileCommand,
  },
  ls: {
    summary: 'list directories, or volumes',
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  cp: {
    summary: 'copy files and directories to, from and inside volumes',
    load: async () => (await import('./commands/cp.ts')).cpCommand,
  },
  sync: {
    summary: 'make a directory like another, and copy only what differs',
    load: async () => (await import('./commands/sync.ts')).syncCommand,
  },
  mv: {
    summary: 'rename or move files and directories',
    load: async () => (await import('./commands/mv.ts')).mvCommand,
  },
  rm: {
    summary: 'remove files and directories',
    load: async () => (await import('./commands/rm.ts')).rmCommand,
  },
  mkdir: {
    summary: 'make directories',
    load: async () => (await import('./commands/mkdir.ts')).mkdirCommand,
  },
  cat: {
    summary: 'print files',
    load: async () => (await import('./commands/cat.ts')).catCommand,
  },
  put: {
    summary: 'write standard input to a file',
    load: async () => (await import('./commands/put.ts')).putCommand,
  },
  stat: {
    summary: 'show what is known of a file or directory',
    load: async () => (await import('./commands/stat.ts')).statCommand,
  },
  du: {
    summary: 'show how much is in directories',
    load: async () => (await import('./commands/du.ts')).duCommand,
  },
  md5sum: {
    summary: 'print the MD5 of files',
    load: async () => (await import('./commands/md5sum.ts')).md5sumCommand,
  },
  verify: {
    summary: 'check signatures, logs and chunks of a volume',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  log: {
    summary: 'show who changed what, when',
    load: async () => (await import('./commands/log.ts')).logCommand,
  },
  restore: {
    summary: 'make files and directories what they were',
    load: async () => (await import('./commands/restore.ts')).restoreCommand,
  },
  snapshot: {
    summary: 'give states of volumes names, and keep them',
    load: async () => (await import('./commands/snapshot.ts')).snapshotCommand,
  },
  watch: {
    summary: 'show what happens in a volume as it happens',
    load: async () => (await import('./commands/watch.ts')).watchCommand,
  },
  prove: {
    summary: 'save what proves a file, for a check without gdpfs',
    load: async () => (await import('./commands/prove.ts')).proveCommand,
  },
  witness: {
    summary: 'cosign what a volume shows',
    load: async () => (await import('./commands/witness.ts')).witnessCommand,
  },
  share: {
    summary: 'make links for people who have only a browser',
    load: async () => (await import('./commands/share.ts')).shareCommand,
  },
  volume: {
    summary: 'create, list and remove volumes',
    load: async () => (await import('./commands/volume.ts')).volumeCommand,
  },
  admin: {
    summary: 'manage users, groups and grants',
    load: async () => (await import('./commands/admin.ts')).adminCommand,
  },
  serve: {
    summary: 'run a server',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  fsck: {
    summary: "check a stopped server's data",
    load: async () => (await import('./commands/fsck.ts')).fsckCommand,
  },
  gc: {
    summary: "free space in a stopped server's data",
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  index: {
    summary: "rebuild a stopped server's index",
    load: async () => (await import('./commands/index-rebuild.ts')).indexCommand,
  },
  completion: {
    summary: 'let bash, zsh or fish complete what is typed',
    load: async () => {
      const { completionCommand } = await import('./commands/completion.ts');
      return (context) => completionCommand(context, VERBS);
    },
  },
  version: {
    summary: 'show the version',
    load: async () => (await import('./commands/version.ts')).versionCommand,
  },
};
