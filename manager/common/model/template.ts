import { AppError } from '../base/errors.js';
import type { ContainerSpec, MountSpec } from './container.js';
import type { Labels } from './meta.js';
import type { TaskSpec } from './service.js';

/*
 * Swarm mode's templates in environment, hostname and mounts. What concerns the service and the task
 * is filled in when the task is created, what concerns its node when its container is created.
 */

/** Matches in linear time: clients choose the text, and managers search it. */
const placeholder = /\{\{([^{}]*)\}\}/gu;

/** The expression of a placeholder without spaces and trim markers. */
function expressionIn(content: string): string {
  return content
    .replace(/^-(?=\s)/u, '')
    .replace(/(?<=\s)-$/u, '')
    .trim();
}

/** Values of the fields that a template may name; an expression without a value stays as it is. */
type TemplateValues = (expression: string) => string | undefined;

interface TaskTemplateContext {
  readonly service: { readonly id: string; readonly name: string; readonly labels: Labels };
  readonly task: { readonly id: string; readonly name: string; readonly slot: number };
}

export interface NodeTemplateContext {
  readonly id: string;
  readonly hostname: string;
  readonly os: string;
  readonly arch: string;
}

const knownFields = [
  ...['.Service.ID', '.Service.Name', '.Task.ID', '.Task.Name', '.Task.Slot'],
  ...['.Node.ID', '.Node.Hostname', '.Node.Platform.OS', '.Node.Platform.Architecture'],
];

/** `index .Service.Labels "key"`, or the label as a field. */
function labelKey(expression: string): string | undefined {
  const matched = /^index \.Service\.Labels "([^"]+)"$|^\.Service\.Labels\.([\w-]+)$/u.exec(
    expression,
  );
  return matched?.[1] ?? matched?.[2];
}

/** Throws `invalid` for an expression that is none of the known fields. */
function checkText(text: string): boolean {
  const found = [...text.matchAll(placeholder)].map(([, content = '']) => expressionIn(content));
  const unknown = found.find((each) => !knownFields.includes(each) && labelKey(each) === undefined);
  if (unknown !== undefined) {
    throw new AppError(
      'invalid',
      `template {{${unknown}}}: not supported; use ${knownFields.join(', ')} or index .Service.Labels "key"`,
    );
  }
  return found.length > 0;
}

/** Whether a spec has templates. Throws `invalid` for one that the cluster cannot fill in. */
export function hasTemplate(container: ContainerSpec): boolean {
  return textsOf(container).map(checkText).includes(true);
}

function textsOf({ env, hostname = '', mounts }: ContainerSpec): readonly string[] {
  return [
    ...Object.values(env).flatMap((value) => value ?? []),
    hostname,
    ...mounts.flatMap((mount) => [mount.target, sourceOf(mount)]),
  ];
}

function sourceOf(mount: MountSpec): string {
  return mount.type === 'tmpfs' ? '' : (mount.source ?? '');
}

/** Fills in what concerns the service and the task. */
export function expandForTask(spec: TaskSpec, { service, task }: TaskTemplateContext): TaskSpec {
  if (spec.container.templated !== true) return spec;
  const values: Readonly<Record<string, string>> = {
    '.Service.ID': service.id,
    '.Service.Name': service.name,
    '.Task.ID': task.id,
    '.Task.Name': task.name,
    '.Task.Slot': String(task.slot),
  };
  const container = expand(spec.container, (expression) => {
    const key = labelKey(expression);
    return key === undefined ? values[expression] : (service.labels[key] ?? '');
  });
  return { ...spec, container };
}

/** Fills in what concerns the node. */
export function expandForNode(container: ContainerSpec, node: NodeTemplateContext): ContainerSpec {
  if (container.templated !== true) return container;
  const values: Readonly<Record<string, string>> = {
    '.Node.ID': node.id,
    '.Node.Hostname': node.hostname,
    '.Node.Platform.OS': node.os,
    '.Node.Platform.Architecture': node.arch,
  };
  return expand(container, (expression) => values[expression]);
}

function expand(container: ContainerSpec, values: TemplateValues): ContainerSpec {
  const fill = (text: string): string =>
    text.replaceAll(
      placeholder,
      (whole: string, content: string) => values(expressionIn(content)) ?? whole,
    );
  const { hostname } = container;
  return {
    ...container,
    env: Object.fromEntries(
      Object.entries(container.env).map(([name, value]) => [
        name,
        value === null ? null : fill(value),
      ]),
    ),
    ...(hostname === undefined ? {} : { hostname: fill(hostname) }),
    mounts: container.mounts.map((mount) => expandMount(mount, fill)),
  };
}

function expandMount(mount: MountSpec, fill: (text: string) => string): MountSpec {
  const target = fill(mount.target);
  if (mount.type === 'tmpfs' || mount.source === undefined) return { ...mount, target };
  return { ...mount, target, source: fill(mount.source) };
}
