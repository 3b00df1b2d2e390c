import type { ComposeService, Project } from '../model.js';

/**
 * Image of a service: its `image:`, else docker compose's name for a built image,
 * `PROJECT-SERVICE`, or `PROJECT_SERVICE` with `--compatibility`.
 */
export function imageOf(
  { name, nameSeparator }: Pick<Project, 'name' | 'nameSeparator'>,
  key: string,
  service: Pick<ComposeService, 'image'>,
): string {
  return service.image ?? [name, key].join(nameSeparator ?? '-');
}
