import type { Volume } from '../../manager/common/model/network.js';
import type { Node } from '../../manager/common/model/node.js';
import type { ListItem } from '../output/format.js';

export const volumeHeader = ['DRIVER', 'VOLUME NAME', 'NODE'];

export function volumeRow(volume: Volume, nodes: readonly Node[]): ListItem {
  const names = volume.nodeIds.map(
    (id) => nodes.find((node) => node.id === id)?.spec.name ?? id.slice(0, 12),
  );
  const { name, driver, labels } = volume.spec;
  return {
    cells: [driver, name, names.join(',')],
    record: {
      Name: name,
      Driver: driver,
      Scope: 'local',
      Nodes: names,
      Labels: Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    },
  };
}
