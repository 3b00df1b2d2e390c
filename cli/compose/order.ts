import type { Service } from './model.js';

/**
 * Services in an order in which each comes after those it depends on; ties by name.
 * Services that are part of a circle are left out: `findCycle` names them.
 */
export function dependencyOrder(services: Readonly<Record<string, Service>>): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  let left = Object.keys(services).sort();
  while (left.length > 0) {
    const ready = left.filter((name) =>
      dependenciesOf(services, name).every((other) => done.has(other)),
    );
    if (ready.length === 0) break;
    for (const name of ready) done.add(name);
    order.push(...ready);
    left = left.filter((name) => !done.has(name));
  }
  return order;
}

/** A circle of dependencies as the names along it, first and last the same; undefined when there is none. */
export function findCycle(services: Readonly<Record<string, Service>>): string[] | undefined {
  const done = new Set<string>();
  for (const start of Object.keys(services).sort()) {
    const cycle = walk(services, start, done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Depth first with a stack of its own: chains may be thousands long. */
function walk(
  services: Readonly<Record<string, Service>>,
  start: string,
  done: Set<string>,
): string[] | undefined {
  const trail = [{ name: start, left: dependenciesOf(services, start) }];
  const open = new Set([start]);
  for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
    const next = top.left.pop();
    if (next === undefined) {
      open.delete(top.name);
      done.add(top.name);
      trail.pop();
    } else if (open.has(next)) {
      const names = trail.map((step) => step.name);
      return [...names.slice(names.indexOf(next)), next];
    } else if (!done.has(next)) {
      open.add(next);
      trail.push({ name: next, left: dependenciesOf(services, next) });
    }
  }
  return undefined;
}

function dependenciesOf(services: Readonly<Record<string, Service>>, name: string): string[] {
  const dependsOn = services[name]?.depends_on ?? {};
  return Object.keys(dependsOn).filter((other) => other in services);
}
