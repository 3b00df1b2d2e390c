import { deployVisible, readVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { FileMount } from '../../common/model/container.js';
import type { Service, ServiceSpec } from '../../common/model/service.js';
import type { StoreView } from '../../store/store.js';
import type { Route, RouteHandler } from '../context.js';
import { mergeSpec } from '../create/swarm/merge-spec.js';
import { invalidArgument } from '../create/swarm/names.js';
import { decodeServiceBody } from '../create/swarm/service-body.js';
import type { ServicePlan } from '../create/swarm/to-spec.js';
import { planService } from '../create/swarm/to-spec.js';
import { parseQueryFilters } from '../filters.js';
import { lookupNetwork } from '../find-resource.js';
import { flagParameter } from '../query.js';
import { jsonResponse } from '../response.js';
import {
  matchesService,
  serviceFilters,
  toServiceStatus,
  toSwarmService,
} from '../translate/swarm/service.js';
import { toSwarmSpec } from '../translate/swarm/spec.js';
import { findSwarmService, swarmServices } from './find.js';
import { pullForService } from './pull.js';
import { versionParameter } from './version.js';

const list: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, serviceFilters);
  const hasStatus = flagParameter(query, 'status');
  const services = swarmServices(view).filter((service) => matchesService(service, filters));
  return jsonResponse(
    services.map((service) => ({
      ...toSwarmService(service, view),
      ...(hasStatus
        ? { ServiceStatus: toServiceStatus(service, view.tasksOfService(service.id)) }
        : {}),
    })),
  );
};

const inspect: RouteHandler = ({ store: { view } }, _request, reference = '') =>
  jsonResponse(toSwarmService(findSwarmService(view, reference), view));

/** Translates a service spec whose networks, secrets and configs must exist. */
function planOf(view: StoreView, value: unknown, known?: ServiceSpec): ServicePlan {
  const find = (reference: string): string => networkName(view, reference);
  const plan = planService(decodeServiceBody(value), find, known);
  for (const file of plan.spec.task.container.files) requireData(view, plan.spec, file);
  return plan;
}

function networkName(view: StoreView, reference: string): string {
  const { spec, removing } = lookupNetwork(view, reference);
  if (!removing) return spec.name;
  throw new AppError('not-found', `network ${reference} not found`);
}

function requireData(view: StoreView, { name }: ServiceSpec, { kind, source }: FileMount): void {
  const found = kind === 'secret' ? view.secretByName(source) : view.configByName(source);
  if (found === undefined) {
    throw invalidArgument(`service ${name}: ${kind} ${source}: ${kind} not found`);
  }
}

const create: RouteHandler = async (context, request) => {
  const { spec, volumes } = planOf(context.store.view, await request.body());
  await pullForService(context, request, spec);
  const { project } = spec;
  const id = await context.control('service.create', { project, spec, volumes }, request);
  return jsonResponse({ ID: id, Warnings: null }, 201);
};

/** The spec of an update: fields that the client left as it saw them keep their stored values. */
function updatedSpec(view: StoreView, service: Service, wanted: ServiceSpec): ServiceSpec {
  const { spec, forceUpdate } = service;
  const shown = planService(
    decodeServiceBody(toSwarmSpec(spec, forceUpdate, view)),
    (reference) => lookupNetwork(view, reference).spec.name,
    spec,
  );
  return mergeSpec(spec, shown.spec, wanted);
}

const update: RouteHandler = async (context, request, reference = '') => {
  const { store, control } = context;
  const service = findSwarmService(store.view, reference);
  const version = versionParameter(request.query, 'service');
  const args = { project: service.spec.project, serviceId: service.id, version };
  const rollback = request.query.get('rollback') ?? '';
  if (rollback === 'previous') {
    await control('service.revert', args, request);
    return jsonResponse({ Warnings: null });
  }
  if (rollback !== '' && rollback !== 'none') {
    throw invalidArgument(`unrecognized rollback option ${rollback}`);
  }
  const body = await request.body();
  requireName(service, body.Name);
  const plan = planOf(store.view, body, service.spec);
  const spec = updatedSpec(store.view, service, plan.spec);
  if (spec.task.container.image !== service.spec.task.container.image) {
    await pullForService(context, request, spec);
  }
  const force = plan.forceUpdate > service.forceUpdate;
  await control('service.update', { ...args, spec, volumes: plan.volumes, force }, request);
  return jsonResponse({ Warnings: null });
};

function requireName({ spec }: Service, name: unknown): void {
  if (name === spec.name) return;
  throw new AppError(
    'unsupported',
    'rpc error: code = Unimplemented desc = renaming services is not supported',
  );
}

const remove: RouteHandler = async ({ store, control }, request, reference = '') => {
  const { id, spec } = findSwarmService(store.view, reference);
  await control('service.remove', { project: spec.project, serviceId: id }, request);
  return { kind: 'empty', status: 200 };
};

export const swarmServiceRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/services$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/services\/([^/]+)$/u, right: readVisible, handler: inspect },
  { method: 'POST', pattern: /^\/services\/create$/u, right: deployVisible, handler: create },
  {
    method: 'POST',
    pattern: /^\/services\/([^/]+)\/update$/u,
    right: deployVisible,
    handler: update,
  },
  { method: 'DELETE', pattern: /^\/services\/([^/]+)$/u, right: deployVisible, handler: remove },
];
