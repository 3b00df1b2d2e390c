import { podLinksOf } from './pod.js';
import type { ServiceSpec } from './service.js';

/** Keys of the services that this one restarts with (`depends_on … restart: true`). */
export function restartsWith(spec: ServiceSpec): readonly string[] {
  return spec.dependsOn.flatMap(({ service, restart }) => (restart ? [service] : []));
}

/**
 * Keys of the services whose recreation stops this one until they meet its conditions again. Pod
 * leaders are not among them: their followers are recreated after them.
 */
export function stopsFor(spec: ServiceSpec): readonly string[] {
  const leaders = new Set(podLinksOf(spec.task.container).map(({ service }) => service));
  return restartsWith(spec).filter((key) => !leaders.has(key));
}

/** The named services and those that restart with them, directly or transitively. */
export function withDependents(
  names: readonly string[],
  services: readonly ServiceSpec[],
): readonly string[] {
  const found = new Set(names);
  // The set grows during the iteration, which then visits the new members as well.
  for (const name of found) {
    for (const spec of services) if (restartsWith(spec).includes(name)) found.add(spec.service);
  }
  return [...found];
}

/**
 * Groups services so that each comes after the services of the list it restarts with. A cycle forms
 * one group.
 */
export function restartLayers<Item extends { readonly spec: ServiceSpec }>(
  services: readonly Item[],
): readonly (readonly Item[])[] {
  const layers: (readonly Item[])[] = [];
  let left = services;
  while (left.length > 0) {
    const waiting = new Set(left.map(({ spec }) => spec.service));
    const free = left.filter(({ spec }) => !restartsWith(spec).some((key) => waiting.has(key)));
    const layer = free.length === 0 ? left : free;
    layers.push(layer);
    left = left.filter((item) => !layer.includes(item));
  }
  return layers;
}
