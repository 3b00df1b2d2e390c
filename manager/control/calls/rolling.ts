import { AppError } from '../../common/base/errors.js';
import { rolled, rolledBack } from '../../common/model/rollback.js';
import type { Service } from '../../common/model/service.js';
import { missingReference } from '../../store/references.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findServices } from '../find.js';

/** The same specs with new tasks, as their updates go. */
function roll(tx: Transaction, services: readonly Service[]): readonly string[] {
  for (const service of services) {
    if (service.spec.halted) {
      throw new AppError(
        'conflict',
        `service ${service.spec.service} is stopped: "start" runs it, with new containers if it was changed`,
      );
    }
    tx.put('services', rolled(service, tx.now));
  }
  return namesOf(services);
}

/** All to the spec before, or none. */
function rollBack(tx: Transaction, services: readonly Service[]): readonly string[] {
  for (const service of services) {
    checkWayBack(tx, service);
    const former = rolledBack(service, { now: tx.now, message: 'asked for' });
    if (former !== undefined) tx.put('services', former);
  }
  return namesOf(services);
}

function checkWayBack(view: StoreView, { spec, previousSpec }: Service): void {
  const { service } = spec;
  if (previousSpec === undefined) {
    throw new AppError(
      'conflict',
      `service ${service} has no spec before that it could go back to`,
    );
  }
  const missing = missingReference(view, previousSpec);
  if (missing === undefined) return;
  throw new AppError(
    'conflict',
    `service ${service} cannot go back: ${missing.kind} ${missing.name} is gone, "up" with the earlier file brings it`,
  );
}

/** Those that were named; of all, those that have a spec before. */
function chosen(view: StoreView, project: string, keys: readonly string[]): readonly Service[] {
  const services = findServices(view, project, keys);
  if (keys.length > 0) return services;
  const changed = services.filter(({ previousSpec }) => previousSpec !== undefined);
  if (changed.length > 0) return changed;
  throw new AppError('conflict', `no service of project ${project} has a spec before`);
}

function namesOf(services: readonly Service[]): readonly string[] {
  return services.map(({ spec }) => spec.service).sort();
}

export const rollingCalls: Pick<ControlCalls, 'service.roll' | 'service.rollback'> = {
  'service.roll': ({ store }, value) => {
    const args = new Args('service.roll', value);
    return store.update('control', (tx) =>
      roll(tx, findServices(tx, args.text('project'), args.texts('services'))),
    );
  },
  'service.rollback': ({ store }, value) => {
    const args = new Args('service.rollback', value);
    return store.update('control', (tx) =>
      rollBack(tx, chosen(tx, args.text('project'), args.texts('services'))),
    );
  },
};
