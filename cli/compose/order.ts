import type { ComposeService } from './model.js';

/**
 * Sorts services topologically, dependencies first, ties by name. Omits services on or behind a
 * cycle; `findCycle` reports it.
 */
export function dependencyOrder(services: Readonly<Record<string, ComposeService>>): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  let remaining = Object.keys(services).sort();
  while (remaining.length > 0) {
    const ready = remaining.filter((name) =>
      dependenciesOf(services, name).every((other) => done.has(other)),
    );
    if (ready.length === 0) break;
    for (const name of ready) done.add(name);
    order.push(...ready);
    remaining = remaining.filter((name) => !done.has(name));
  }
  return order;
}

/**
 * Returns a dependency cycle as a list of names, first and last equal; undefined if there is none.
 */
export function findCycle(
  services: Readonly<Record<string, ComposeService>>,
): string[] | undefined {
  const done = new Set<string>();
  for (const start of Object.keys(services).sort()) {
    const cycle = walk(services, start, done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Searches depth-first with an explicit stack: chains may be thousands of services long. */
function walk(
  services: Readonly<Record<string, ComposeService>>,
  start: string,
  done: Set<string>,
): string[] | undefined {
  const trail = [{ name: start, pending: dependenciesOf(services, start) }];
  const open = new Set([start]);
  for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
    const next = top.pending.pop();
    if (next === undefined) {
      open.delete(top.name);
      done.add(top.name);
      trail.pop();
    } else if (open.has(next)) {
      const names = trail.map((step) => step.name);
      return [...names.slice(names.indexOf(next)), next];
    } else if (!done.has(next)) {
      open.add(next);
      trail.push({ name: next, pending: dependenciesOf(services, next) });
    }
  }
  return undefined;
}

function dependenciesOf(
  services: Readonly<Record<string, ComposeService>>,
  name: string,
): string[] {
  const dependsOn = services[name]?.depends_on ?? {};
  return Object.keys(dependsOn).filter((other) => other in services);
}
