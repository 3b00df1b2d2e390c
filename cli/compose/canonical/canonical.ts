import { applyPathRules, pathRules } from '../load/path-rules.js';
import {
  listFromItems,
  keyMark,
  newMap,
  withMark,
  containerMark,
  type SourceMark,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';
import { canonicalBuild, canonicalPairs } from './build.js';
import { canonicalDependsOn } from './depends-on.js';
import { canonicalDevice } from './devices.js';
import { canonicalEnvFile } from './env-file.js';
import { canonicalExternal } from './external.js';
import { canonicalFile } from './files.js';
import { canonicalNames } from './networks.js';
import { canonicalPorts } from './ports.js';
import { canonicalMount } from './volumes.js';

export interface CanonicalOptions {
  /** True if values may still contain variables: unparsable values are kept. */
  readonly lenient: boolean;
  readonly warn: (message: string) => void;
}

interface Where extends CanonicalOptions {
  readonly path: Path;
  readonly root: TreeMap;
  readonly mark: SourceMark | undefined;
}

type Transform = (value: Tree, where: Where) => Tree;

/** Expands every short form, in place. Throws ComposeError. */
export function canonicalTree(root: TreeMap, options: CanonicalOptions): TreeMap {
  applyPathRules(root, transforms, (value, transform, path, container) =>
    transform(value, {
      lenient: options.lenient,
      warn: options.warn,
      path,
      root,
      get mark() {
        return keyMark(container, path.at(-1) ?? '') ?? containerMark(container);
      },
    }),
  );
  return root;
}

const toList: Transform = (value, { mark }) =>
  typeof value === 'string' ? listFromItems([{ value, mark }], mark) : value;

const extendsForm: Transform = (value, { mark }) => {
  if (typeof value !== 'string') return value;
  const map = withMark(newMap(), mark);
  map.service = value;
  return map;
};

const gpusForm: Transform = (value, { mark }) => {
  if (value !== 'all') return value;
  const all = withMark(newMap(), mark);
  all.count = 'all';
  return listFromItems([{ value: all, mark }], mark);
};

const mountForm: Transform = (value, { path, root, mark, lenient }) => {
  try {
    return canonicalMount(value, path, root, mark);
  } catch (error) {
    if (lenient && typeof value === 'string') return value;
    throw error;
  }
};

const external: Transform = (value, { path, root, warn }) =>
  canonicalExternal(value, path, root, warn);

/** Transforms by path; outer forms are expanded before the values in them. */
const transforms = pathRules<Transform>({
  'services.*.build': (value, { mark }) => canonicalBuild(value, mark),
  'services.*.build.secrets.*': (value, { mark }) => canonicalFile(value, mark),
  'services.*.build.additional_contexts': (value) => canonicalPairs(value, ''),
  'services.*.build.ssh': (value) => canonicalPairs(value, ''),
  'services.*.depends_on': canonicalDependsOn,
  'services.*.env_file': (value, { mark }) => canonicalEnvFile(value, mark),
  'services.*.label_file': toList,
  'services.*.extends': extendsForm,
  'services.*.gpus': gpusForm,
  'services.*.networks': canonicalNames,
  'services.*.models': canonicalNames,
  'services.*.volumes.*': mountForm,
  'services.*.dns': toList,
  'services.*.devices.*': (value, where) => canonicalDevice(value, where),
  'services.*.secrets.*': (value, { mark }) => canonicalFile(value, mark),
  'services.*.configs.*': (value, { mark }) => canonicalFile(value, mark),
  'services.*.ports': (value, { path, root, lenient }) =>
    canonicalPorts(value, path, root, lenient),
  'volumes.*': external,
  'networks.*': external,
  'secrets.*': external,
  'configs.*': external,
});
