import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../manager/common/base/errors.js';
import type { Labels } from '../manager/common/model/meta.js';
import type { NodeId } from '../manager/common/model/ids.js';

export interface WorkerSettings {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly name: string;
  /** Underlay IPv4 address of this machine. */
  readonly address: string;
  /** `host:port` of every manager. */
  readonly managers: readonly string[];
  readonly dataDir: string;
  /** Directory on tmpfs that holds secrets as files. */
  readonly secretsDir: string;
  readonly dockerSocket: string;
  /** Paths of PEM files. */
  readonly pki: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly labels: Labels;
  readonly dataPlane: 'overlay' | 'engine';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** Reads the settings file; throws `invalid` with the file and key. */
export async function loadSettings(path: string): Promise<WorkerSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `cannot read worker settings: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return parseSettings(text, path, {
    isRoot: process.getuid?.() === 0,
    runtimeDir: process.env.XDG_RUNTIME_DIR,
  });
}

export interface ProcessUser {
  readonly isRoot: boolean;
  /** The user's runtime directory on tmpfs (XDG_RUNTIME_DIR), if the system provides one. */
  readonly runtimeDir: string | undefined;
}

export function parseSettings(text: string, path: string, user: ProcessUser): WorkerSettings {
  const { isRoot } = user;
  const read = reader(text, path);
  const dataDir = read.text('dataDir');
  const pki = read.section('pki');
  const dataPlane = read.choice('dataPlane', ['overlay', 'engine'] as const, 'overlay');
  if (dataPlane === 'overlay' && !isRoot) {
    throw new AppError(
      'forbidden',
      `${path}: dataPlane overlay requires root; run the worker as root or set dataPlane to engine`,
    );
  }
  return {
    clusterId: read.text('clusterId'),
    nodeId: read.text('nodeId') as NodeId,
    name: read.text('name'),
    address: read.text('address'),
    managers: read.texts('managers'),
    dataDir,
    secretsDir: read.optionalText(
      'secretsDir',
      isRoot ? '/run/shoal/secrets' : join(user.runtimeDir ?? dataDir, 'shoal-secrets'),
    ),
    dockerSocket: read.optionalText('dockerSocket', '/var/run/docker.sock'),
    pki: { ca: pki.text('ca'), cert: pki.text('cert'), key: pki.text('key') },
    labels: read.labels('labels'),
    dataPlane,
    logLevel: read.choice('logLevel', ['debug', 'info', 'warn', 'error'] as const, 'info'),
  };
}

interface Reader {
  text(key: string): string;
  optionalText(key: string, fallback: string): string;
  texts(key: string): readonly string[];
  labels(key: string): Labels;
  choice<Value extends string>(key: string, values: readonly Value[], fallback: Value): Value;
  section(key: string): Reader;
}

function reader(text: string, path: string): Reader {
  try {
    return readerOf(JSON.parse(text), path, '');
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new AppError('invalid', `${path} is not valid JSON: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function readerOf(value: unknown, path: string, prefix: string): Reader {
  const invalidKey = (key: string, needed: string): AppError =>
    new AppError('invalid', `${path}: ${prefix}${key} must be ${needed}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError(
      'invalid',
      `${path}: ${prefix === '' ? 'the file' : prefix} must be an object`,
    );
  }
  const record = value as Readonly<Record<string, unknown>>;
  const text = (key: string): string => {
    const found = record[key];
    if (typeof found !== 'string' || found === '') throw invalidKey(key, 'a non-empty string');
    return found;
  };
  const isStringArray = (found: unknown): found is readonly string[] =>
    Array.isArray(found) && found.every((item) => typeof item === 'string');
  return {
    text,
    optionalText: (key, fallback) => (record[key] === undefined ? fallback : text(key)),
    texts(key) {
      const found = record[key];
      if (!isStringArray(found) || found.length === 0)
        throw invalidKey(key, 'a non-empty array of strings');
      return found;
    },
    labels(key) {
      const found = record[key] ?? {};
      const isRecord = typeof found === 'object' && !Array.isArray(found);
      if (!isRecord || !isStringArray(Object.values(found)))
        throw invalidKey(key, 'an object with string values');
      return found as Labels;
    },
    choice(key, values, fallback) {
      const found = record[key] ?? fallback;
      const choice = values.find((value) => value === found);
      if (choice === undefined) throw invalidKey(key, `one of ${values.join(', ')}`);
      return choice;
    },
    section: (key) => readerOf(record[key], path, `${prefix}${key}.`),
  };
}
