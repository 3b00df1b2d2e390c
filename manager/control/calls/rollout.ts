import { AppError } from '../../common/base/errors.js';
import { withNewTasks, rolledBack } from '../../common/model/rollback.js';
import type { Service } from '../../common/model/service.js';
import { missingReference } from '../../store/references.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findServices, requireManaged } from '../find.js';

/** Replaces all tasks of the services without a spec change, as a rolling update. */
function roll(tx: Transaction, services: readonly Service[]): readonly string[] {
  for (const service of services) {
    requireManaged(service, 'replaced');
    if (service.spec.halted) {
      throw new AppError(
        'conflict',
        `service ${service.spec.service}: is stopped; run "start", which recreates containers if the spec changed`,
      );
    }
    tx.put('services', withNewTasks(service, tx.now));
  }
  return namesOf(services);
}

/** Rolls all services back to their previous specs, or none if one of them cannot. */
export function rollBackServices(tx: Transaction, services: readonly Service[]): readonly string[] {
  for (const service of services) {
    checkRollback(tx, service);
    const former = rolledBack(service, { now: tx.now, message: 'requested' });
    if (former !== undefined) tx.put('services', former);
  }
  return namesOf(services);
}

function checkRollback(view: StoreView, { spec, previousSpec }: Service): void {
  const { service } = spec;
  if (previousSpec === undefined) {
    throw new AppError(
      'conflict',
      `service ${service}: does not have a previous spec to roll back to`,
    );
  }
  const missing = missingReference(view, previousSpec);
  if (missing === undefined) return;
  throw new AppError(
    'conflict',
    `service ${service}: cannot roll back, ${missing.kind} ${missing.name} no longer exists; run "up" with the previous file`,
  );
}

/** The named services; without names, every service that has a previous spec. */
function selectServices(
  view: StoreView,
  project: string,
  keys: readonly string[],
): readonly Service[] {
  const services = findServices(view, project, keys);
  if (keys.length > 0) return services;
  const changed = services.filter(({ previousSpec }) => previousSpec !== undefined);
  if (changed.length > 0) return changed;
  throw new AppError(
    'conflict',
    `project ${project}: no service has a previous spec to roll back to`,
  );
}

function namesOf(services: readonly Service[]): readonly string[] {
  return services.map(({ spec }) => spec.service).sort();
}

export const rolloutCalls: Pick<ControlCalls, 'service.roll' | 'service.rollback'> = {
  'service.roll': ({ store }, value) => {
    const args = new Args('service.roll', value);
    return store.update('control', (tx) =>
      roll(tx, findServices(tx, args.text('project'), args.texts('services'))),
    );
  },
  'service.rollback': ({ store }, value) => {
    const args = new Args('service.rollback', value);
    return store.update('control', (tx) =>
      rollBackServices(tx, selectServices(tx, args.text('project'), args.texts('services'))),
    );
  },
};
