import { deployCluster, readVisible } from '../../access/required-right.js';
import type { Fields } from '../../common/base/decode.js';
import {
  decode,
  dictionary,
  fields,
  object,
  optionalOrNull,
  string,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { Labels } from '../../common/model/meta.js';
import type { Route, RouteHandler } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import { jsonResponse } from '../response.js';
import { dataFilters, matchesData, toSwarmConfig, toSwarmSecret } from '../translate/swarm/data.js';
import { stackLabel, withoutStack } from '../translate/swarm/object.js';
import { findConfig, findSecret } from './find.js';
import { versionParameter } from './version.js';

type Kind = 'secret' | 'config';

const listSecrets: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, dataFilters);
  const secrets = view.list('secrets').filter((secret) => matchesData(secret, filters));
  return jsonResponse(secrets.map(toSwarmSecret));
};

const listConfigs: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, dataFilters);
  const configs = view.list('configs').filter((config) => matchesData(config, filters));
  return jsonResponse(configs.map(toSwarmConfig));
};

const inspectSecret: RouteHandler = ({ store }, _request, reference = '') =>
  jsonResponse(toSwarmSecret(findSecret(store.view, reference)));

const inspectConfig: RouteHandler = ({ store }, _request, reference = '') =>
  jsonResponse(toSwarmConfig(findConfig(store.view, reference)));

interface DriverBody {
  readonly Name?: string;
  readonly Options?: Fields;
}
const driver = object<DriverBody>({
  Name: optionalOrNull(string),
  Options: optionalOrNull(fields),
});

const dataBody = object<{
  readonly Name?: string;
  readonly Labels?: Labels;
  readonly Data?: string;
  readonly Driver?: DriverBody;
  readonly Templating?: DriverBody;
}>({
  Name: optionalOrNull(string),
  Labels: optionalOrNull(dictionary(string)),
  Data: optionalOrNull(string),
  Driver: optionalOrNull(driver),
  Templating: optionalOrNull(driver),
});
type DataBody = ReturnType<typeof dataBody>;

/** Throws `unsupported` for content that a plugin or a template would supply. */
function refuseDrivers(kind: Kind, { Name = '', Driver, Templating }: DataBody): void {
  for (const [option, { Name: driverName = '' } = {}] of [
    ['Driver', Driver],
    ['Templating', Templating],
  ] as const) {
    if (driverName === '') continue;
    throw new AppError(
      'unsupported',
      `${kind} ${Name}: ${option} ${driverName} is not supported by the cluster; give the content itself`,
    );
  }
}

function creator(kind: Kind): RouteHandler {
  return async ({ store, control }, request) => {
    const body = decode(await request.body(), dataBody, kind);
    refuseDrivers(kind, body);
    const { Name: name = '', Labels: labels = {}, Data: data = '' } = body;
    const { view } = store;
    const known = kind === 'secret' ? view.secretByName(name) : view.configByName(name);
    if (known !== undefined) {
      throw new AppError(
        'conflict',
        `rpc error: code = AlreadyExists desc = ${kind} ${name} already exists`,
      );
    }
    const project = labels[stackLabel] ?? '';
    const id = await control(
      `${kind}.create`,
      {
        ...{ name, data, labels: withoutStack(project, labels) },
        ...(project === '' ? {} : { project }),
      },
      request,
    );
    return jsonResponse({ ID: id }, 201);
  };
}

/** Changes labels; content cannot be changed, as on the Docker Engine. */
function updater(kind: Kind): RouteHandler {
  return async ({ store, control }, request, reference = '') => {
    const known =
      kind === 'secret' ? findSecret(store.view, reference) : findConfig(store.view, reference);
    const version = versionParameter(request.query, kind);
    const body = decode(await request.body(), dataBody, kind);
    const { Data: data = '', Name: name = known.spec.name, Labels: labels = {} } = body;
    if (name !== known.spec.name || (data !== '' && data !== known.data)) {
      throw new AppError(
        'invalid',
        'rpc error: code = InvalidArgument desc = only updates to Labels are allowed',
      );
    }
    const kept = withoutStack(known.spec.project, labels);
    await control(`${kind}.update`, { name, version, labels: kept }, request);
    return { kind: 'empty', status: 200 };
  };
}

function remover(kind: Kind): RouteHandler {
  return async ({ store: { view }, control }, request, reference = '') => {
    const { spec } = kind === 'secret' ? findSecret(view, reference) : findConfig(view, reference);
    const user = view
      .list('services')
      .filter(({ removing }) => !removing)
      .find(({ spec: { task } }) =>
        task.container.files.some((file) => file.kind === kind && file.source === spec.name),
      );
    if (user !== undefined) {
      throw new AppError(
        'invalid',
        `rpc error: code = InvalidArgument desc = ${kind} '${spec.name}' is in use by the following service: ${user.spec.name}`,
      );
    }
    await control(`${kind}.remove`, { name: spec.name }, request);
    return { kind: 'empty', status: 204 };
  };
}

function changing(kind: Kind): readonly Route[] {
  const path = `${kind}s`;
  return [
    {
      method: 'POST',
      pattern: new RegExp(`^/${path}/create$`, 'u'),
      right: deployCluster,
      handler: creator(kind),
    },
    {
      method: 'POST',
      pattern: new RegExp(`^/${path}/([^/]+)/update$`, 'u'),
      right: deployCluster,
      handler: updater(kind),
    },
    {
      method: 'DELETE',
      pattern: new RegExp(`^/${path}/([^/]+)$`, 'u'),
      right: deployCluster,
      handler: remover(kind),
    },
  ];
}

export const secretAndConfigRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/secrets$/u, right: readVisible, handler: listSecrets },
  { method: 'GET', pattern: /^\/secrets\/([^/]+)$/u, right: readVisible, handler: inspectSecret },
  ...changing('secret'),
  { method: 'GET', pattern: /^\/configs$/u, right: readVisible, handler: listConfigs },
  { method: 'GET', pattern: /^\/configs\/([^/]+)$/u, right: readVisible, handler: inspectConfig },
  ...changing('config'),
];
