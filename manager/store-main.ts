import { createHash } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from './common/base/errors.js';
import { canonicalJson } from './common/base/canonical.js';
import { consulAddress } from './candidacy/candidacy.js';
import type { BackupHeader, BackupRecord } from './common/protocol/backup.js';
import { BackupReader, writeBackup } from './common/protocol/backup.js';
import type { ManagerSettings } from './settings.js';
import { loadManagerSettings } from './settings.js';
import type { Backend } from './store/backend.js';
import { ConsulClient } from './store/consul/client.js';
import { openConsul } from './store/consul/consul.js';
import { openEmbedded, readEmbedded } from './store/embedded/embedded.js';
import type { TableName } from './store/store.js';
import { tableNames } from './store/tables.js';

/*
 * What is done to a manager's store while the manager does not run. Nothing that is replaced is removed:
 * it is moved aside, and the answer says where to.
 */

type Records = Awaited<ReturnType<Backend['load']>>;

/** Writes of one batch. */
const batchSize = 2_000;

/** The text of a backup of the store that the settings name, without changing it. */
export async function exportStore(
  configPath: string,
  about: Pick<BackupHeader, 'at' | 'version'>,
): Promise<{ readonly chunks: Iterable<string>; readonly count: number }> {
  const settings = await loadManagerSettings(configPath);
  const records =
    settings.discovery === undefined
      ? await readEmbedded(storeFolder(settings))
      : await withBackend(await openTarget(settings), (backend) => backend.load());
  const index = Math.max(0, ...records.map(({ value }) => versionOf(value)));
  const { clusterId, clusterName } = settings;
  return {
    chunks: writeBackup({ clusterId, clusterName, index, ...about }, records),
    count: records.length,
  };
}

export interface Imported {
  readonly header: BackupHeader;
  readonly count: number;
  /** Where the store that was there before lies now. */
  readonly movedTo: string | undefined;
}

/**
 * Fills the store that the settings name from a backup, read whole and checked before anything is touched.
 * Throws `conflict` when it is of another cluster, or when there is a store already and `replace` is false.
 */
export async function importStore(
  configPath: string,
  source: { readonly name: string; readonly stream: Readable },
  replace: boolean,
): Promise<Imported> {
  const settings = await loadManagerSettings(configPath);
  const { header, records } = await readBackup(source);
  if (header.clusterId !== settings.clusterId) {
    throw new AppError(
      'conflict',
      `${source.name} is of cluster ${header.clusterName} (${header.clusterId}), this manager is of ${settings.clusterName} (${settings.clusterId})`,
    );
  }
  if (settings.discovery === undefined) {
    const movedTo = await fillFolder(settings, records, replace);
    return { header, count: records.length, movedTo };
  }
  await fillConsul(settings, records, replace);
  return { header, count: records.length, movedTo: undefined };
}

export interface Migrated {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly sha256: string;
}

/**
 * Copies the store to `consul://…` or to `embedded`, reads it back and compares, and only then has the
 * settings name the new place. The old one stays as it was.
 */
export async function migrateStore(configPath: string, to: string): Promise<Migrated> {
  const settings = await loadManagerSettings(configPath);
  const from = settings.discovery ?? 'embedded';
  const { discovery: _old, ...rest } = settings;
  const wanted: ManagerSettings = to === 'embedded' ? rest : { ...rest, discovery: to };
  if (from === to) throw new AppError('invalid', `the store is in ${to} already`);
  if (wanted.discovery !== undefined) await consulAddress({ ...wanted, discovery: to });
  // Held open until the end, so that no manager writes to it meanwhile.
  return withBackend(await openTarget(settings), async (source) => {
    const records = await source.load();
    const sha256 = sumOf(records);
    if (wanted.discovery === undefined) await fillFolder(wanted, records, true);
    else await fillConsul(wanted, records, false);
    const copied = await withBackend(await openTarget(wanted), (target) => target.load());
    if (copied.length !== records.length || sumOf(copied) !== sha256) {
      throw new AppError(
        'internal',
        `what is in ${to} is not what was copied: nothing was switched`,
      );
    }
    await switchSettings(configPath, wanted.discovery);
    return { from, to, count: records.length, sha256 };
  });
}

/** A whole backup; throws what is wrong with it. */
async function readBackup(source: {
  readonly name: string;
  readonly stream: Readable;
}): Promise<{ readonly header: BackupHeader; readonly records: Records }> {
  const records: Records[number][] = [];
  const reader = new BackupReader(source.name, (record) => {
    records.push(toRecord(source.name, record));
  });
  for await (const chunk of source.stream as AsyncIterable<Uint8Array>) reader.push(chunk);
  return { header: reader.finish().header, records };
}

function toRecord(name: string, { table, value }: BackupRecord): Records[number] {
  const known = tableNames.find((each) => each === table);
  if (known !== undefined) return { table: known, value };
  throw new AppError(
    'unsupported',
    `${name} has objects of kind ${table}, which this version does not know: use the newer version`,
  );
}

function storeFolder({ dataDir }: ManagerSettings): string {
  return join(dataDir, 'store');
}

async function openTarget(settings: ManagerSettings): Promise<Backend> {
  const { discovery, clusterId: id, clusterName: name, nodeId } = settings;
  if (discovery === undefined) return openEmbedded(storeFolder(settings));
  const address = await consulAddress({ ...settings, discovery });
  return openConsul({
    client: new ConsulClient(address),
    prefix: address.prefix,
    cluster: { id, name },
    owner: nodeId,
  });
}

async function withBackend<Result>(
  backend: Backend,
  use: (backend: Backend) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** Fills a folder beside the store's and then puts it in its place. */
async function fillFolder(
  settings: ManagerSettings,
  records: Records,
  replace: boolean,
): Promise<string | undefined> {
  const folder = storeFolder(settings);
  const before = (await readdir(folder).catch(() => [])).filter((name) => name !== 'lock');
  if (before.length > 0 && !replace && !(await isNew(folder))) {
    throw new AppError(
      'conflict',
      `there is a store in ${folder} already: --replace moves it aside`,
    );
  }
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  // Opened, so that it is not moved away below a manager that runs.
  if (before.length > 0) await assertUnused(folder);
  const fresh = `${folder}.new-${stamp}`;
  await withBackend(await openEmbedded(fresh), (backend) => writeAll(backend, records));
  const aside = `${folder}.before-${stamp}`;
  if (before.length > 0) await rename(folder, aside);
  await rename(fresh, folder);
  return before.length > 0 ? aside : undefined;
}

/** Of what a manager notes by itself. */
const ownTables: ReadonlySet<TableName> = new Set(['cluster', 'events', 'audit', 'nodes']);

/** Whether a manager has only just made it: nothing in it was ever asked for. */
async function isNew(folder: string): Promise<boolean> {
  const records = await readEmbedded(folder).catch(() => undefined);
  return records?.every(({ table }) => ownTables.has(table)) ?? false;
}

/** Throws `conflict` when a process has the store open. A store that cannot be read is nobody's. */
async function assertUnused(folder: string): Promise<void> {
  try {
    await (await openEmbedded(folder)).close();
  } catch (error) {
    if (error instanceof AppError && error.kind === 'conflict') throw error;
  }
}

async function fillConsul(
  settings: ManagerSettings,
  records: Records,
  replace: boolean,
): Promise<void> {
  await withBackend(await openTarget(settings), async (backend) => {
    const before = await backend.load();
    if (before.length > 0 && !replace) {
      throw new AppError(
        'conflict',
        `there is a store in ${settings.discovery ?? ''} already: export it and use --replace`,
      );
    }
    const kept = new Set(records.map(keyOf));
    const gone = before.filter((record) => !kept.has(keyOf(record)));
    for (let at = 0; at < gone.length; at += batchSize) {
      await backend.commit(
        gone.slice(at, at + batchSize).map(({ table, value }) => ({
          table,
          id: idOf(value),
          value: undefined,
        })),
      );
    }
    await writeAll(backend, records);
  });
}

async function writeAll(backend: Backend, records: Records): Promise<void> {
  for (let at = 0; at < records.length; at += batchSize) {
    await backend.commit(
      records
        .slice(at, at + batchSize)
        .map(({ table, value }) => ({ table, id: idOf(value), value })),
    );
  }
}

function idOf(value: object): string {
  return (value as { readonly id: string }).id;
}

function versionOf(value: object): number {
  return (value as { readonly version?: number }).version ?? 0;
}

function keyOf({ table, value }: { readonly table: TableName; readonly value: object }): string {
  return `${table}/${idOf(value)}`;
}

/** The same for the same objects, in whatever order they come. */
function sumOf(records: Records): string {
  const lines = records.map((record) => `${keyOf(record)} ${canonicalJson(record.value)}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/** Changes one key of the manager's settings and leaves the rest of the file as it is. */
async function switchSettings(path: string, discovery: string | undefined): Promise<void> {
  const { discovery: _old, ...fields } = JSON.parse(await readFile(path, 'utf8')) as Record<
    string,
    unknown
  >;
  const text = JSON.stringify(
    discovery === undefined ? fields : { ...fields, discovery },
    undefined,
    2,
  );
  await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
