import {
  array,
  boolean,
  count,
  nonEmptyString,
  nullable,
  object,
  optional,
  orElse,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type {
  PolicyChange,
  ProjectPolicy,
  ProjectRecord,
} from '../../common/model/trust/project-policy.js';
import {
  changePolicy,
  closedPolicy,
  normalizeCapability,
  normalizePath,
} from '../../common/model/trust/project-policy.js';
import type { ProjectQuota } from '../../common/model/trust/project-quota.js';
import { quotaKeys } from '../../common/model/trust/project-quota.js';
import type {
  ProjectSettings,
  ProjectSettingsCallMap,
} from '../../common/protocol/project-calls.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

const projectName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/u;
const capabilityName = /^[A-Z][A-Z_]{1,39}$/u;
const maxEntries = 100;

const policyChange = object<Required<PolicyChange>>({
  privileged: orElse(boolean, false),
  hostNamespaces: orElse(boolean, false),
  engineSocket: orElse(boolean, false),
  bindPaths: orElse(array(nonEmptyString), []),
  capabilities: orElse(array(nonEmptyString), []),
});

const amount = optional(nullable(count));
const quotaChange = object<Partial<Record<keyof ProjectQuota, number | null>>>({
  nanoCpus: amount,
  memoryBytes: amount,
  containers: amount,
  ports: amount,
  volumes: amount,
});

function projectOf(args: Args): string {
  const project = args.text('project');
  if (projectName.test(project)) return project;
  throw new AppError(
    'invalid',
    `project name "${project}": invalid; use letters, digits, _ . - and start with a letter or digit`,
  );
}

/** Reads rights from the wire, with normalised paths and capabilities. */
function readChange(args: Args, key: 'allow' | 'deny'): PolicyChange {
  const change = args.field(key, orElse(policyChange, closedPolicy));
  return {
    ...change,
    bindPaths: change.bindPaths.map((path) => {
      const normalized = normalizePath(path);
      if (normalized !== undefined) return normalized;
      throw new AppError(
        'invalid',
        `path "${path}": invalid; use an absolute path of the machines`,
      );
    }),
    capabilities: change.capabilities.map((name) => {
      const normalized = normalizeCapability(name);
      if (capabilityName.test(normalized)) return normalized;
      throw new AppError(
        'invalid',
        `capability "${name}": invalid; use a name such as NET_ADMIN, or ALL`,
      );
    }),
  };
}

function requireSize(project: string, { bindPaths, capabilities }: ProjectPolicy): void {
  if (Math.max(bindPaths.length, capabilities.length) <= maxEntries) return;
  throw new AppError(
    'invalid',
    `project ${project}: a policy has at most ${maxEntries} paths and ${maxEntries} capabilities`,
  );
}

function isClosed(policy: ProjectPolicy): boolean {
  return JSON.stringify(policy) === JSON.stringify(closedPolicy);
}

/** Writes a project's settings, and removes its record if none are left. */
function putSettings(
  tx: Transaction,
  project: string,
  settings: Pick<ProjectRecord, 'policy' | 'quota'>,
): ProjectSettings {
  const { policy = closedPolicy, quota = {} } = settings;
  const wanted = {
    ...(isClosed(policy) ? {} : { policy }),
    ...(Object.keys(quota).length === 0 ? {} : { quota }),
  };
  const known = tx.get('projects', project);
  if (Object.keys(wanted).length === 0) tx.remove('projects', project);
  else if (known === undefined) tx.create('projects', { id: project, ...wanted });
  else {
    const { id, version, createdAt, updatedAt } = known;
    tx.put('projects', { id, version, createdAt, updatedAt, ...wanted });
  }
  return settingsOf(tx, project);
}

function setPolicy(tx: Transaction, args: Args): ProjectSettings {
  const project = projectOf(args);
  const known = tx.get('projects', project);
  const before = args.flag('reset') ? closedPolicy : (known?.policy ?? closedPolicy);
  const policy = changePolicy(before, readChange(args, 'allow'), readChange(args, 'deny'));
  requireSize(project, policy);
  return putSettings(tx, project, { ...known, policy });
}

function setQuota(tx: Transaction, args: Args): ProjectSettings {
  const project = projectOf(args);
  const known = tx.get('projects', project);
  const limits = args.field('limits', orElse(quotaChange, {}));
  const before = args.flag('reset') ? {} : (known?.quota ?? {});
  const quota = Object.fromEntries(
    quotaKeys.flatMap((key) => {
      const limit = limits[key] === undefined ? before[key] : limits[key];
      return limit === undefined || limit === null ? [] : [[key, limit]];
    }),
  );
  return putSettings(tx, project, { ...known, quota });
}

function settingsOf(view: StoreView, project: string): ProjectSettings {
  const { policy = closedPolicy, quota = {} } = view.get('projects', project) ?? {};
  return { project, policy, quota, used: view.usageOfProject(project).total };
}

export const projectSettingsCalls: Pick<ControlCalls, keyof ProjectSettingsCallMap> = {
  'project.settings': ({ store }, value) => {
    const project = new Args('project.settings', value).optionalText('project');
    const names =
      project === undefined ? store.view.list('projects').map(({ id }) => id) : [project];
    return Promise.resolve(names.map((name) => settingsOf(store.view, name)));
  },
  'project.set-policy': ({ store }, value) => {
    const args = new Args('project.set-policy', value);
    return store.update('control', (tx) => setPolicy(tx, args));
  },
  'project.set-quota': ({ store }, value) => {
    const args = new Args('project.set-quota', value);
    return store.update('control', (tx) => setQuota(tx, args));
  },
};
