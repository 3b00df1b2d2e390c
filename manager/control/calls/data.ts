import { orElse, string } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { Config, DataSpec, Secret } from '../../common/model/secret.js';
import { contentOf } from '../../common/model/secret.js';
import { labels } from '../../common/protocol/spec-decoders.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';
import { requireVersion } from '../require-version.js';
import { checkData, createData, dataByName, removeData, type DataKind } from '../data.js';

/** Docker's rule for names of secrets and configs. */
const namePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?$/;

function readSpec(args: Args): DataSpec {
  const name = args.text('name');
  if (!namePattern.test(name)) {
    throw new AppError(
      'invalid',
      `name "${name}": invalid; use 1 to 64 letters, digits, _ . - and start and end with a letter or digit`,
    );
  }
  const project = args.optionalText('project') ?? '';
  return { name, project, key: name, labels: args.field('labels', orElse(labels, {})) };
}

async function create(context: CallContext, kind: DataKind, value: unknown): Promise<string> {
  const args = new Args(`${kind}.create`, value);
  const input = { spec: readSpec(args), data: args.field('data', string) };
  checkData(kind, input);
  const { store, newId } = context;
  return await store.update('control', (tx) => {
    if (dataByName(tx, kind, input.spec.name) !== undefined) {
      throw new AppError('conflict', `${kind} ${input.spec.name}: already exists`);
    }
    return createData(tx, newId, kind, input).id;
  });
}

/** Replaces the labels of a secret or config; its content never changes. */
async function update({ store }: CallContext, kind: DataKind, value: unknown): Promise<null> {
  const args = new Args(`${kind}.update`, value);
  await store.update('control', (tx) => {
    const name = args.text('name');
    const known = dataByName(tx, kind, name);
    if (known === undefined) throw new AppError('not-found', `no such ${kind}: ${name}`);
    requireVersion(known, args.count('version'));
    const spec = { ...known.spec, labels: args.field('labels', orElse(labels, {})) };
    if (kind === 'secret') tx.put('secrets', { ...(known as Secret), spec });
    else tx.put('configs', { ...(known as Config), spec });
  });
  return null;
}

async function remove({ store }: CallContext, kind: DataKind, value: unknown): Promise<null> {
  const name = new Args(`${kind}.remove`, value).text('name');
  await store.update('control', (tx) => {
    removeData(tx, kind, name);
  });
  return null;
}

function withoutData({ data: _data, ...secret }: Secret): Omit<Secret, 'data'> {
  return secret;
}

function withContent(config: Config): Config {
  return { ...config, data: contentOf(config) };
}

export const dataCalls: Pick<
  ControlCalls,
  | 'secret.list'
  | 'secret.create'
  | 'secret.update'
  | 'secret.remove'
  | 'config.list'
  | 'config.create'
  | 'config.update'
  | 'config.remove'
> = {
  'secret.list': ({ store }) => Promise.resolve(store.view.list('secrets').map(withoutData)),
  'secret.create': (context, value) => create(context, 'secret', value),
  'secret.update': (context, value) => update(context, 'secret', value),
  'secret.remove': (context, value) => remove(context, 'secret', value),
  'config.list': ({ store }) => Promise.resolve(store.view.list('configs').map(withContent)),
  'config.create': (context, value) => create(context, 'config', value),
  'config.update': (context, value) => update(context, 'config', value),
  'config.remove': (context, value) => remove(context, 'config', value),
};
