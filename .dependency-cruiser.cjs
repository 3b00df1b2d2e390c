/** The allowed imports between rooms, as drawn in ARCHITECTURE.md. */
const source = '^(cli|manager|worker|network)/';
const ours = '^(cli|manager|worker|network|fixtures|tests)/';

const pureFiles = require('./fixtures/checks/rules/pure-files.json');

/** A glob of the pure files as the regular expression that dependency-cruiser matches. */
const toRegExp = (glob) =>
  `^${glob
    .replaceAll('.', '[.]')
    .replaceAll('**/*', '@')
    .replaceAll('*', '[^/]*')
    .replaceAll('@', '.*')
    .replaceAll(/\{([^}]*)\}/g, (_, names) => `(${names.replaceAll(',', '|')})`)}$`;

/** Only `by` may import the package. */
const single = (name, by) => ({
  name: `only-${name.replaceAll(/[^a-z0-9]/g, '')}-importer`,
  severity: 'error',
  comment: `${name} is imported in one place`,
  from: { path: source, pathNot: by },
  to: { path: `^node_modules/${name}/` },
});

/** Files under `from` may import only our files in `allowed`. */
const within = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: ours, pathNot: allowed },
});

/** Files of a room of one top-level folder import their own room, the listed rooms and the common code. */
const room = (folder, name, imports, outside = []) =>
  within(
    `${folder}-${name.replaceAll(/[^a-z]/g, '')}`,
    `^${folder}/${name}/`,
    [`^${folder}/(${[name, ...imports].join('|')})/`, common, ...outside].join('|'),
  );

const common = '^manager/common/';

const controllers = [
  'scheduler',
  'orchestrator',
  'allocator',
  'dispatcher',
  'control',
  'logs',
  'stats',
  'ca',
  'relay',
  'catalog',
  'gateway',
];

/** Values for every room of `cli`: the invocation and its exit codes. */
const invocation = '^cli/(cli|exit-code|entry-point)[.]ts$';

/** The entry that reads and writes a store without its manager. */
const storeMain = '^manager/store-main[.]ts$';

/** `cli`: each room and the rooms that it may import. */
const cliRooms = {
  output: [],
  bundle: [],
  client: ['inventory', 'output'],
  inventory: ['output'],
  ssh: [],
  compose: [],
  build: ['client', 'compose', 'bundle', 'output'],
  certificates: ['inventory', 'ssh', 'bundle', 'output'],
  provision: ['certificates', 'inventory', 'ssh', 'bundle', 'output'],
  machine: ['provision', 'certificates', 'inventory', 'ssh', 'bundle', 'output', 'client'],
  arguments: ['output', 'machine'],
  local: ['certificates', 'inventory', 'client', 'output'],
  project: ['client', 'compose', 'output', 'local'],
  watch: ['client', 'compose', 'build', 'bundle', 'output'],
  rollout: ['project', 'watch', 'client', 'compose', 'build', 'output', 'arguments'],
  backup: ['client', 'inventory', 'ssh', 'machine', 'output'],
  doctor: ['project', 'client', 'inventory', 'ssh', 'machine', 'output'],
  dashboard: ['client', 'output'],
  preferences: ['dashboard', 'compose'],
  help: ['project', 'inventory', 'output'],
};

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'product-without-tests',
      severity: 'error',
      comment: 'the product never imports tests or fixtures',
      from: { path: source },
      to: { path: '^(tests|fixtures)/' },
    },
    within('base-is-a-leaf', '^manager/common/base/', '^manager/common/base/'),
    within('address-is-a-leaf', '^manager/common/address/', '^manager/common/(base|address)/'),
    within('model-on-base', '^manager/common/model/', '^manager/common/(base|model)/'),
    within(
      'protocol-on-model',
      '^manager/common/protocol/',
      '^manager/common/(base|model|protocol)/',
    ),
    within(
      'settings-on-model',
      '^manager/common/settings/',
      '^manager/common/(base|model|settings)/',
    ),
    within('pki-on-protocol', '^manager/common/pki/', common),
    room('manager', 'store', []),
    room('manager', 'transport', []),
    room('manager', 'access', ['store', 'transport']),
    ...controllers.map((name) => room('manager', name, ['store', 'transport', 'access'])),
    room('manager', 'preview', ['store', 'orchestrator', 'allocator', 'scheduler']),
    room('manager', 'candidacy', ['store', 'catalog']),
    room('manager', 'security', ['store', 'transport', 'access', 'ca', 'control', 'dispatcher']),
    {
      name: 'manager-common-only',
      severity: 'error',
      comment: 'other programs import the common code and the entry files of the manager',
      from: { path: '^(cli|worker|network)/' },
      to: {
        path: '^manager/',
        pathNot: `${common}|^manager/(main|store-main)[.]ts$`,
      },
    },
    {
      name: 'manager-alone',
      severity: 'error',
      from: { path: '^manager/' },
      to: { path: '^(cli|worker|network)/' },
    },
    within('network-on-common', '^network/', `^network/|${common}`),
    room('network', 'plan', []),
    room('network', 'linux', ['plan']),
    room('network', 'dns', []),
    room('network', 'overlay', ['plan', 'linux']),
    within('worker-on-network', '^worker/', `^(worker|network)/|${common}`),
    room('worker', 'executor', [], ['^network/plan/']),
    room('worker', 'assignments', []),
    room('worker', 'tasks', ['executor', 'assignments']),
    room('worker', 'stats', ['executor']),
    room('worker', 'logs', ['executor']),
    room('worker', 'session', ['executor', 'assignments', 'tasks', 'stats', 'logs']),
    within(
      'cli-on-common',
      '^cli/',
      `^cli/|${common}|^(manager/(main|store-main)|worker/main)[.]ts$`,
    ),
    ...Object.entries(cliRooms).map(([name, imports]) =>
      room('cli', name, imports, [invocation, ...(name === 'backup' ? [storeMain] : [])]),
    ),
    {
      name: 'commands-apart',
      severity: 'error',
      comment:
        'a command file imports no other command file, except for subcommands with subcommands; shared code belongs in a room',
      from: {
        path: '^cli/commands/(project|container|cluster|trust|data)/',
        pathNot: '^cli/commands/trust/project[.]ts$',
      },
      to: { path: '^cli/commands/' },
    },
    {
      name: 'commands-on-top',
      severity: 'error',
      from: { path: '^cli/', pathNot: '^cli/(commands/|main[.]ts|program[.]ts)' },
      to: { path: '^cli/commands/' },
    },
    {
      name: 'pure-has-no-io',
      severity: 'error',
      comment: 'pure files import no core module but path, util and crypto',
      from: { path: pureFiles.map(toRegExp) },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(path|util|crypto)$' },
    },
    single('dockerode', '^worker/executor/docker/client[.]ts$'),
    single('consul', '^manager/store/consul/'),
    single('ws', '^manager/(common/protocol|transport)/transport'),
    single('node-forge', '^manager/common/pki/pki'),
    single('re2js', '^manager/common/base/pattern[.]ts$'),
    single('js-yaml', '^cli/compose/yaml/'),
    single('dns-packet', '^network/dns/codec[.]ts$'),
    single('tar-stream', '^(cli/bundle|worker/executor/docker/images)/archive[.]ts$'),
    single('ink', '^cli/dashboard/'),
    single('react', '^cli/dashboard/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.tsx', '.js'] },
  },
};
