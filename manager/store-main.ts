import { createHash } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from './common/base/errors.js';
import { canonicalJson } from './common/base/canonical.js';
import { consulAddress } from './candidacy/candidacy.js';
import type { BackupHeader, BackupRecord } from './common/protocol/backup.js';
import { BackupReader, writeBackup } from './common/protocol/backup.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import { encodeManagerSettings } from './common/settings/manager-settings.js';
import { loadManagerSettings } from './settings.js';
import type { StoreBackend } from './store/backend.js';
import { idOf, versionOf } from './store/backend.js';
import { ConsulClient } from './store/consul/client.js';
import { openConsul } from './store/consul/consul.js';
import { openEmbedded, readEmbedded } from './store/embedded/embedded.js';
import { checkSealedRecord } from './store/sealing.js';
import type { TableName } from './store/store.js';
import { isTableName } from './store/table-definitions.js';

/*
 * Offline operations on a manager's store: export, import, migrate. A replaced embedded store is
 * moved aside, not deleted; the result says where.
 */

type Records = Awaited<ReturnType<StoreBackend['load']>>;

/** Objects per batch. */
const batchSize = 2_000;

/** Exports a backup of the store named by the settings without changing it. */
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

export interface ImportResult {
  readonly header: BackupHeader;
  readonly count: number;
  /** New path of the replaced store; undefined if there was none. */
  readonly movedTo: string | undefined;
}

/**
 * Imports a backup into the store named by the settings. The backup is read and verified before any
 * change. Rejects with `conflict` if it is from another cluster, or if a store exists without
 * `replace`.
 */
export async function importStore(
  configPath: string,
  source: { readonly name: string; readonly stream: Readable },
  replace: boolean,
): Promise<ImportResult> {
  const settings = await loadManagerSettings(configPath);
  const { header, records } = await readBackup(source);
  if (header.clusterId !== settings.clusterId) {
    throw new AppError(
      'conflict',
      `${source.name}: belongs to cluster ${header.clusterName} (${header.clusterId}), this manager to ${settings.clusterName} (${settings.clusterId})`,
    );
  }
  if (settings.discovery === undefined) {
    const movedTo = await fillFolder(settings, records, replace);
    return { header, count: records.length, movedTo };
  }
  await fillConsul(settings, records, replace);
  return { header, count: records.length, movedTo: undefined };
}

export interface MigrationResult {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly sha256: string;
}

/**
 * Copies the store to `consul://…` or `embedded`, verifies the copy by reading it back, then
 * switches the settings to it. The old store stays unchanged.
 */
export async function migrateStore(configPath: string, to: string): Promise<MigrationResult> {
  const settings = await loadManagerSettings(configPath);
  const from = settings.discovery ?? 'embedded';
  const { discovery: _old, ...rest } = settings;
  const wanted: ManagerSettings = to === 'embedded' ? rest : { ...rest, discovery: to };
  if (from === to) throw new AppError('invalid', `store: is already in ${to}`);
  if (wanted.discovery !== undefined) await consulAddress({ ...wanted, discovery: to });
  // Kept open until the end so that no manager can write to it.
  return withBackend(await openTarget(settings), async (source) => {
    const records = await source.load();
    const sha256 = sumOf(records);
    if (wanted.discovery === undefined) await fillFolder(wanted, records, true);
    else await fillConsul(wanted, records, false);
    const copied = await withBackend(await openTarget(wanted), (target) => target.load());
    if (copied.length !== records.length || sumOf(copied) !== sha256) {
      throw new AppError(
        'internal',
        `store in ${to}: differs from its source; the settings were not switched`,
      );
    }
    await switchSettings(configPath, wanted);
    return { from, to, count: records.length, sha256 };
  });
}

/** Reads a complete backup; rejects if it is malformed. */
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
  if (isTableName(table)) {
    const record = { table, value };
    checkSealedRecord(record, `${name}: ${table}/${idOf(value)}`);
    return record;
  }
  throw new AppError(
    'unsupported',
    `${name}: has objects of unknown kind ${table}; use the newer version of shoal that wrote it`,
  );
}

function storeFolder({ dataDir }: ManagerSettings): string {
  return join(dataDir, 'store');
}

async function openTarget(settings: ManagerSettings): Promise<StoreBackend> {
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
  backend: StoreBackend,
  use: (backend: StoreBackend) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** Writes a new folder next to the store, then renames it into place. */
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
      `store in ${folder}: already exists; use --replace to move it aside`,
    );
  }
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  // Prevents moving the store of a running manager.
  if (before.length > 0) await assertUnused(folder);
  const fresh = `${folder}.new-${stamp}`;
  await withBackend(await openEmbedded(fresh), (backend) => writeAll(backend, records));
  const aside = `${folder}.before-${stamp}`;
  if (before.length > 0) await rename(folder, aside);
  await rename(fresh, folder);
  return before.length > 0 ? aside : undefined;
}

/** Tables that a manager writes without a user request. */
const internalTables: ReadonlySet<TableName> = new Set(['cluster', 'events', 'audit', 'nodes']);

/** True for the store of a new manager: it has no objects created by a user. */
async function isNew(folder: string): Promise<boolean> {
  const records = await readEmbedded(folder).catch(() => undefined);
  return records?.every(({ table }) => internalTables.has(table)) ?? false;
}

/**
 * Rejects with `conflict` if a process has the store open. An unreadable store counts as unused.
 */
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
        `store in ${settings.discovery ?? ''}: already exists; export it and use --replace`,
      );
    }
    const kept = new Set(records.map(keyOf));
    const removed = before.filter((record) => !kept.has(keyOf(record)));
    for (let at = 0; at < removed.length; at += batchSize) {
      await backend.commit(
        removed.slice(at, at + batchSize).map(({ table, value }) => ({
          table,
          id: idOf(value),
          value: undefined,
        })),
      );
    }
    await writeAll(backend, records);
  });
}

async function writeAll(backend: StoreBackend, records: Records): Promise<void> {
  for (let at = 0; at < records.length; at += batchSize) {
    await backend.commit(
      records
        .slice(at, at + batchSize)
        .map(({ table, value }) => ({ table, id: idOf(value), value })),
    );
  }
}

function keyOf({ table, value }: { readonly table: TableName; readonly value: object }): string {
  return `${table}/${idOf(value)}`;
}

/** Checksum (sha256, hex) of the objects, independent of their order. */
function sumOf(records: Records): string {
  const lines = records.map((record) => `${keyOf(record)} ${canonicalJson(record.value)}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/** Writes the manager's settings file with another store. */
async function switchSettings(path: string, settings: ManagerSettings): Promise<void> {
  await writeFile(`${path}.new`, encodeManagerSettings(settings), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
