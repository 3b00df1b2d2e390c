import { AppError } from '../common/base/errors.js';
import type { FileMount } from '../common/model/container.js';
import type { ConfigId, SecretId } from '../common/model/ids.js';
import type { Config, Secret } from '../common/model/secret.js';
import { contentOf, maxDataBytes } from '../common/model/secret.js';
import type { AppliedChange, DataInput, ProjectApply } from '../common/protocol/project-calls.js';
import type { StoreView, Transaction } from '../store/store.js';
import type { ApplyContext } from './apply-service.js';

export type DataKind = 'secret' | 'config';

export function dataByName(
  view: StoreView,
  kind: DataKind,
  name: string,
): Secret | Config | undefined {
  return kind === 'secret' ? view.secretByName(name) : view.configByName(name);
}

/** Throws `invalid` if the content is not base64 or exceeds `maxDataBytes`. */
export function checkData(kind: DataKind, { spec, data }: DataInput): void {
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64') !== data) {
    throw new AppError('invalid', `${kind} ${spec.name}: content is not valid base64`);
  }
  if (bytes.length <= maxDataBytes) return;
  throw new AppError(
    'invalid',
    `${kind} ${spec.name}: ${bytes.length} bytes exceed the limit of ${maxDataBytes}; put the content into the image or a volume`,
  );
}

export function createData(
  tx: Transaction,
  newId: ApplyContext['newId'],
  kind: DataKind,
  { spec, data }: DataInput,
): Secret | Config {
  if (kind === 'secret') return tx.create('secrets', { id: newId() as SecretId, spec, data });
  return tx.create('configs', { id: newId() as ConfigId, spec, data });
}

export function applyData(
  { tx, view, newId }: ApplyContext,
  kind: DataKind,
  input: DataInput,
): AppliedChange {
  checkData(kind, input);
  const { name } = input.spec;
  const known = dataByName(view, kind, name);
  if (known === undefined) {
    if (tx !== undefined) createData(tx, newId, kind, input);
    return { kind, name, action: 'created', cause: 'not found' };
  }
  if (contentOf(known) !== input.data) {
    throw new AppError(
      'conflict',
      `${kind} ${name}: exists with different content; use another name`,
    );
  }
  return { kind, name, action: 'unchanged', cause: '' };
}

/**
 * Throws `not-found` if a service uses a secret or config that is neither in the file nor in the
 * store.
 */
export function checkFileMounts(
  view: StoreView,
  input: Pick<ProjectApply, 'secrets' | 'configs'>,
  service: string,
  files: readonly FileMount[],
): void {
  for (const { kind, source } of files) {
    const declared = kind === 'secret' ? input.secrets : input.configs;
    if (declared.some(({ spec }) => spec.name === source)) continue;
    if (dataByName(view, kind, source) !== undefined) continue;
    const command = kind === 'secret' ? 'secret create' : 'config-object create';
    throw new AppError(
      'not-found',
      `service ${service}: ${kind} ${source} declared as external, but could not be found; create it with "${command}"`,
    );
  }
}

/**
 * Removes secrets and configs that no service, rollback spec or task of the project uses any more.
 * Their names carry a content hash, so each change leaves an old one behind.
 */
export function removeUnusedData(tx: Transaction, input: ProjectApply): void {
  const used = new Set([...input.secrets, ...input.configs].map(({ spec }) => spec.name));
  for (const service of tx.servicesOfProject(input.project)) {
    const tasks = tx.tasksOfService(service.id);
    const before = service.previousSpec === undefined ? [] : [service.previousSpec.task];
    for (const { container } of [service.spec.task, ...before, ...tasks.map(({ spec }) => spec)]) {
      for (const file of container.files) used.add(file.source);
    }
  }
  removeProjectData(tx, input.project, used);
}

/** Removes a project's secrets and configs except those named in `keep`. */
export function removeProjectData(
  tx: Transaction,
  project: string,
  keep: ReadonlySet<string>,
): void {
  for (const { id, spec } of tx.list('secrets')) {
    if (spec.project === project && !keep.has(spec.name)) tx.remove('secrets', id);
  }
  for (const { id, spec } of tx.list('configs')) {
    if (spec.project === project && !keep.has(spec.name)) tx.remove('configs', id);
  }
}

/**
 * Removes a secret or config by name. Throws `not-found`, or `conflict` while a service uses it.
 */
export function removeData(tx: Transaction, kind: DataKind, name: string): void {
  const known = dataByName(tx, kind, name);
  if (known === undefined) throw new AppError('not-found', `no such ${kind}: ${name}`);
  const uses = (files: readonly FileMount[]): boolean =>
    files.some((file) => file.kind === kind && file.source === name);
  const user = tx
    .list('services')
    .find(({ spec, removing }) => !removing && uses(spec.task.container.files));
  if (user !== undefined) {
    throw new AppError('conflict', `${kind} ${name} is in use by service ${user.spec.name}`);
  }
  if (kind === 'secret') tx.remove('secrets', known.id as SecretId);
  else tx.remove('configs', known.id as ConfigId);
}
