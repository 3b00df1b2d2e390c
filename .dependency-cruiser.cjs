/** The arrows between rooms, as ARCHITECTURE.md draws them. */
const source = '^(cli|manager|worker|network)/';

/** Only `by` may import the package. */
const single = (name, by) => ({
  name: `only-${name.replaceAll(/[^a-z0-9]/g, '')}-importer`,
  severity: 'error',
  comment: `${name} is imported in one place`,
  from: { path: source, pathNot: by },
  to: { path: `^node_modules/${name}/` },
});

/** Files under `from` import nothing of ours outside `allowed`. */
const within = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^(cli|manager|worker|network|fixtures|tests)/', pathNot: allowed },
});

const leaves = '^manager/(base|model)/';
const rooms = [
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

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphan-tests',
      severity: 'error',
      comment: 'the product never needs its tests or fixtures',
      from: { path: source },
      to: { path: '^(tests|fixtures)/' },
    },
    within('base-is-a-leaf', '^manager/base/', '^manager/base/'),
    within('model-on-base', '^manager/model/', leaves),
    within('protocol-on-model', '^manager/protocol/', '^manager/(base|model|protocol)/'),
    within('store-on-model', '^manager/store/', '^manager/(base|model|store)/'),
    ...rooms.map((room) =>
      within(
        `${room}-meets-others-in-the-store`,
        `^manager/${room}/`,
        `^manager/(base|model|protocol|store|${room})/|^network/address/`,
      ),
    ),
    within('network-on-model', '^network/', '^network/|^manager/(base|model)/'),
    within(
      'worker',
      '^worker/',
      '^(worker|network)/|^manager/(base|model|protocol)/|^manager/ca/pki',
    ),
    within(
      'cli',
      '^cli/',
      '^cli/|^manager/(base|model|protocol|ca)/|^(manager/(main|store-main)|worker/main)[.]ts$',
    ),
    {
      name: 'address-only',
      severity: 'error',
      from: { path: '^manager/' },
      to: { path: '^network/', pathNot: '^network/address/' },
    },
    {
      name: 'pure-has-no-io',
      severity: 'error',
      comment: 'deciding files use no core module but path, util, crypto',
      from: {
        path: [
          '^manager/model/',
          '^manager/scheduler/(decide|node-set|filters|strategies)',
          '^manager/orchestrator/(change|replicated|global|restart|update|enforce|reap)[.]ts',
          '^manager/allocator/(ipam|vni)[.]ts',
          '^manager/gateway/(translate/|filters[.]ts|find-)',
          '^network/(address|plan)/',
          '^worker/tasks/step[.]ts',
          '^cli/compose/(canonical/|interpolate|merge|profiles|order|to-specs)',
          '^cli/machine/(facts|plan)[.]ts',
        ],
      },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(path|util|crypto)$' },
    },
    single('dockerode', '^worker/executor/docker/client[.]ts$'),
    single('consul', '^manager/store/consul/'),
    single('ws', '^manager/protocol/transport'),
    single('node-forge', '^manager/ca/pki'),
    single('ssh2', '^cli/machine/ssh[.]ts$'),
    single('js-yaml', '^cli/compose/yaml'),
    single('dns-packet', '^network/dns/codec[.]ts$'),
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
