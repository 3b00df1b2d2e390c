import { containerState } from '../../common/model/container-state.js';
import type { Node } from '../../common/model/node.js';
import type { SwarmExpression } from '../../common/model/swarm-expression.js';
import { expressionText, fitsExpression } from '../../common/model/swarm-expression.js';
import type { Task } from '../../common/model/task.js';
import { shortContainerId } from '../../store/container-id.js';
import type { TasksOnNode } from '../demand.js';
import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

/** Constraints and affinities of classic Swarm, which clients give their containers. */
export const swarmExpressionsFilter: NodeFilter = {
  check({ expressions, tasksOnNode }, { node }) {
    const failed = expressions.find(
      (expression) => !fitsExpression(expression, valuesOn(node, expression, tasksOnNode)),
    );
    if (failed === undefined) return undefined;
    const text = `${failed.kind} ${expressionText(failed)}`;
    return reasonOnNodes(`no ${text}`, `does not satisfy the ${text}`);
  },
};

/** A node refuses more containers than its engine label `containerslots` says. */
export const containerSlotsFilter: NodeFilter = {
  check({ task }, { node, tasks }) {
    if (task.spec.container.origin === undefined) return undefined;
    const slots = Number(node.description.engineLabels.containerslots ?? Number.NaN);
    if (!Number.isInteger(slots) || tasks < slots) return undefined;
    return reasonOnNodes('no available container slot', 'has no available container slot');
  },
};

function valuesOn(
  node: Node,
  { kind, key }: SwarmExpression,
  tasksOnNode: TasksOnNode,
): readonly string[] {
  if (kind === 'constraint') return nodeValues(node, key);
  const present = tasksOnNode(node.id).filter((task) => containerState(task) !== 'removing');
  if (key === 'container') return present.flatMap(containerNames);
  if (key === 'image') return present.flatMap(imageNames);
  return present.flatMap(({ spec }) => spec.container.labels[key] ?? []);
}

/** A missing label is an empty text. */
function nodeValues({ id, spec, description }: Node, key: string): readonly string[] {
  if (key === 'node') return [id, spec.name];
  if (key === 'ostype') return [description.os];
  return [spec.labels[key] ?? description.engineLabels[key] ?? ''];
}

function containerNames({ containerName, status: { containerId } }: Task): readonly string[] {
  const ids = containerId === undefined ? [] : [containerId, shortContainerId(containerId)];
  return [containerName, `/${containerName}`, ...ids];
}

/** The image as its container names it, with and without its tag, and its id. */
function imageNames({ spec, status: { imageId } }: Task): readonly string[] {
  const { image } = spec.container;
  const bare = image.replace(/:[^/:]*$/u, '');
  const names = bare === image ? [image, `${image}:latest`] : [image, bare];
  return imageId === undefined ? names : [...names, imageId];
}
