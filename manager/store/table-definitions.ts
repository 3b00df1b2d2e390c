import type { Decoder } from '../common/base/decode.js';
import {
  network,
  node,
  service,
  storedConfig,
  storedSecret,
  task,
  volume,
} from '../common/protocol/object-decoders.js';
import {
  auditRecord,
  clusterRecord,
  eventRecord,
  imageRecord,
  lease,
  projectRecord,
} from './record-decoders.js';
import type { TableName, Tables } from './store.js';

/** The properties of a table that the store, its backends and its readers depend on. */
interface TableDefinition<Stored> {
  /** One of its objects, in messages. */
  readonly singular: string;
  readonly decoder: Decoder<Stored>;
  /** Name of an object, unique in the table; absent for tables without names. */
  nameOf?(object: Stored): string;
  /** Fields that are sealed at rest. */
  readonly sealedFields?: readonly SealedField[];
  /** Records of the past: nothing is decided from them. */
  readonly isHistory?: true;
}

/** A field that is sealed at rest. */
export interface SealedField {
  /** Keys from the object to the field; `*` stands for each item of a list. */
  readonly path: readonly string[];
  /** `base64`: text of bytes. `json`: an object, sealed as a whole unless it is empty. */
  readonly encoding: 'base64' | 'json';
}

const content: readonly SealedField[] = [{ path: ['data'], encoding: 'base64' }];

/** Environment values of a container and its hooks. */
function environmentOf(...container: readonly string[]): readonly SealedField[] {
  const lists = [[], ['postStart', '*'], ['preStop', '*']];
  return lists.map((list) => ({ path: [...container, ...list, 'env'], encoding: 'json' }));
}

interface Named {
  readonly spec: { readonly name: string };
}

function nameOf({ spec }: Named): string {
  return spec.name;
}

/** The only list of the store's tables. */
export const tableDefinitions: { readonly [Name in TableName]: TableDefinition<Tables[Name]> } = {
  nodes: { singular: 'node', decoder: node, nameOf },
  services: {
    singular: 'service',
    decoder: service,
    nameOf,
    sealedFields: [
      ...environmentOf('spec', 'task', 'container'),
      ...environmentOf('previousSpec', 'task', 'container'),
    ],
  },
  tasks: { singular: 'task', decoder: task, sealedFields: environmentOf('spec', 'container') },
  networks: { singular: 'network', decoder: network, nameOf },
  volumes: { singular: 'volume', decoder: volume, nameOf },
  secrets: { singular: 'secret', decoder: storedSecret, nameOf, sealedFields: content },
  configs: { singular: 'config', decoder: storedConfig, nameOf, sealedFields: content },
  images: { singular: 'image', decoder: imageRecord },
  leases: { singular: 'lease', decoder: lease },
  cluster: { singular: 'cluster record', decoder: clusterRecord },
  projects: { singular: 'project', decoder: projectRecord },
  events: { singular: 'event', decoder: eventRecord, isHistory: true },
  audit: { singular: 'audit record', decoder: auditRecord, isHistory: true },
};

export type TableObject = Tables[TableName];

export function tableDefinition(table: TableName): TableDefinition<TableObject> {
  return tableDefinitions[table];
}

export const tableNames = Object.keys(tableDefinitions).filter(isTableName);

/** Tables that decisions are made from. */
export const stateTables = tableNames.filter((table) => !tableDefinition(table).isHistory);

export function isTableName(name: string): name is TableName {
  return Object.hasOwn(tableDefinitions, name);
}

/** Table of a stored object's key, `<table>/<id>`; undefined for other keys. */
export function tableOf(key: string): TableName | undefined {
  const name = key.slice(0, Math.max(key.indexOf('/'), 0));
  return isTableName(name) ? name : undefined;
}

/** Unique name of an object within its table; undefined for tables without names. */
export function uniqueNameOf(table: TableName, object: TableObject): string | undefined {
  return tableDefinition(table).nameOf?.(object);
}
