import type { Service } from '../../../../manager/common/model/service.js';
import type { DataInfo } from '../../../../manager/common/protocol/control.js';
import type { Column, RenderContext, View } from '../state/view.js';
import { defineView } from '../state/view.js';
import { ageColumn, projectColumn } from './columns.js';

export type DataViewKind = 'secret' | 'config';

/** Services whose containers mount the secret or config. */
export function servicesUsing(
  kind: DataViewKind,
  name: string,
  { world }: RenderContext,
): readonly Service[] {
  const users = world.memo(`${kind}-users`, () => {
    const found = new Map<string, Service[]>();
    for (const service of world.services.values()) {
      const files = service.spec.task.container.files.filter((file) => file.kind === kind);
      for (const source of new Set(files.map((file) => file.source))) {
        found.set(source, [...(found.get(source) ?? []), service]);
      }
    }
    return found;
  });
  return users.get(name) ?? [];
}

function columns(kind: DataViewKind): readonly Column<DataInfo>[] {
  return [
    { key: 'name', title: 'NAME', width: 24, max: 60, priority: 0, text: ({ spec }) => spec.name },
    {
      key: 'users',
      title: 'USED BY',
      width: 16,
      max: 60,
      priority: 1,
      text: ({ spec }, look) =>
        servicesUsing(kind, spec.name, look)
          .map((service) => service.spec.service)
          .join(','),
    },
    projectColumn(),
    {
      key: 'content',
      title: 'CONTENT',
      width: 12,
      priority: 3,
      text: () => (kind === 'secret' ? '********' : '(describe: d)'),
      style: () => 'dim',
    },
    ageColumn(),
  ];
}

function dataView(kind: DataViewKind, aliases: readonly string[]): View {
  return defineView<DataInfo>({
    name: `${kind}s`,
    title: kind === 'secret' ? 'Secrets' : 'Configs',
    aliases,
    sort: { column: 'name', descending: false },
    columns: columns(kind),
    items: ({ world }, { project }) =>
      [...world[`${kind}s`].values()].filter(
        ({ spec }) => project === undefined || spec.project === project,
      ),
    id: ({ id }) => id,
    text: ({ spec }) => spec.name,
    labels: ({ spec }) => spec.labels,
  });
}

export const secretsView = dataView('secret', ['secrets', 'secret', 'sec']);
export const configsView = dataView('config', ['configs', 'cfg']);
