import { AppError } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import type { Config, Secret } from '../../common/model/secret.js';
import type { Service } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import type { StoreView } from '../../store/store.js';
import { withIdPrefix } from '../id-prefix.js';
import { isSwarmService } from '../translate/swarm/object.js';

interface Found<T> {
  readonly kind: string;
  readonly reference: string;
  /** The object with exactly that id or name. */
  readonly exact: T | undefined;
  /** All objects sorted by id, for a lookup by the beginning of the id. */
  readonly all: () => readonly T[];
  /** Whether clients of the API may find the object; any by default. */
  readonly isVisible?: (object: T) => boolean;
}

/**
 * An object by id, name or unambiguous id prefix. Throws `not-found`, or `invalid` for an ambiguous
 * prefix, with the Docker Engine's messages.
 */
function findOne<T extends { readonly id: string }>({
  kind,
  reference,
  exact,
  all,
  isVisible = () => true,
}: Found<T>): T {
  if (exact !== undefined) return exact;
  const matches = withIdPrefix(all, reference).filter(isVisible);
  const [first] = matches;
  if (matches.length > 1) {
    throw new AppError(
      'invalid',
      `${kind} ${reference} is ambiguous (${matches.length} matches found)`,
    );
  }
  if (first === undefined) throw new AppError('not-found', `${kind} ${reference} not found`);
  return first;
}

function isShown(service: Service | undefined): service is Service {
  return service?.removing === false && isSwarmService(service);
}

/** The services that the swarm mode API shows. */
export function swarmServices(view: StoreView): readonly Service[] {
  return view.list('services').filter(isShown);
}

export function findSwarmService(view: StoreView, reference: string): Service {
  const found = [view.get('services', reference as Service['id']), view.serviceByName(reference)];
  const all = (): readonly Service[] => view.list('services');
  const exact = found.find(isShown);
  return findOne({ kind: 'service', reference, exact, all, isVisible: isShown });
}

export function findSwarmTask(view: StoreView, reference: string): Task {
  const exact = view.get('tasks', reference as Task['id']);
  return findOne({ kind: 'task', reference, exact, all: () => view.list('tasks') });
}

export function findSwarmNode(view: StoreView, reference: string): Node {
  const nodes = (): readonly Node[] => view.list('nodes');
  const exact =
    view.get('nodes', reference as Node['id']) ??
    view.nodeByName(reference) ??
    nodes().find(({ description }) => description.hostname === reference);
  return findOne({ kind: 'node', reference, exact, all: nodes });
}

export function findSecret(view: StoreView, reference: string): Secret {
  const exact = view.get('secrets', reference as Secret['id']) ?? view.secretByName(reference);
  return findOne({ kind: 'secret', reference, exact, all: () => view.list('secrets') });
}

export function findConfig(view: StoreView, reference: string): Config {
  const exact = view.get('configs', reference as Config['id']) ?? view.configByName(reference);
  return findOne({ kind: 'config', reference, exact, all: () => view.list('configs') });
}
