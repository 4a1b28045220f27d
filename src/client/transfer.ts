import { mkdirSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import {
  baseName,
  formatApiPath,
  formatRemotePath,
  joinPath,
  parentPath,
  type RemotePath,
} from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
