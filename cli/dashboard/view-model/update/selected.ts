import type { Node } from '../../../../manager/common/model/node.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { ListCache } from '../state/list-cache.js';
import type { State } from '../state/model.js';
import { topScreen } from '../state/model.js';
import type { RenderContext } from '../state/view.js';

/** Fields of the selected row for hotkey templates; empty if they do not apply. */
export interface SelectedRecord {
  readonly Name: string;
  readonly Id: string;
  readonly Project: string;
  readonly Service: string;
  readonly Slot: string;
  readonly Node: string;
}

const emptyRecord: SelectedRecord = {
  Name: '',
  Id: '',
  Project: '',
  Service: '',
  Slot: '',
  Node: '',
};

export function selectedRecord(
  state: State,
  look: RenderContext,
  listings: ListCache,
): SelectedRecord {
  const screen = topScreen(state);
  if (screen.kind !== 'list') return emptyRecord;
  const { rows, cursor } = listings.of(screen, look);
  const row = rows[cursor];
  if (row === undefined) return emptyRecord;
  const Id = row.id;
  switch (screen.view) {
    case 'tasks': {
      const task = row.item as Task;
      return {
        Name: task.containerName,
        Id,
        Project: task.project,
        Service: task.service,
        Slot: String(task.slot),
        Node: look.world.nodeOf(task)?.spec.name ?? '',
      };
    }
    case 'services': {
      const { spec } = row.item as Service;
      return {
        ...emptyRecord,
        Name: spec.service,
        Id,
        Project: spec.project,
        Service: spec.service,
      };
    }
    case 'machines': {
      const { spec } = row.item as Node;
      return { ...emptyRecord, Name: spec.name, Id, Node: spec.name };
    }
    case 'projects':
      return { ...emptyRecord, Name: Id, Id, Project: Id };
    default: {
      const item = row.item as { readonly spec?: { readonly name?: string }; name?: string };
      return { ...emptyRecord, Name: item.spec?.name ?? item.name ?? Id, Id };
    }
  }
}
