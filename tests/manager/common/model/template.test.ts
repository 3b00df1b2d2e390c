import test from 'ava';
import { aContainer, aTaskSpec } from '../../../../fixtures/cluster/build.js';
import {
  expandForNode,
  expandForTask,
  hasTemplate,
} from '../../../../manager/common/model/template.js';

const service = { id: 's1', name: 'shop_web', labels: { tier: 'front' } };
const task = { id: 't1', name: 'shop_web.2.t1', slot: 2 };
const node = { id: 'n1', hostname: 'alpha', os: 'linux', arch: 'amd64' };

test('the task fills in service and slot, its node the rest', (t) => {
  const spec = aTaskSpec({
    container: {
      templated: true,
      hostname: '{{.Node.Hostname}}-{{.Task.Slot}}',
      env: {
        NAME: '{{ .Task.Name }} of {{.Service.Name}}',
        TIER: '{{index .Service.Labels "tier"}}{{.Service.Labels.none}}',
        PLATFORM: '{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}',
        REMOVED: null,
      },
      mounts: [
        {
          type: 'volume',
          source: 'data-{{.Task.Slot}}',
          target: '/d',
          readOnly: false,
          noCopy: false,
        },
      ],
    },
  });
  const { container } = expandForTask(spec, { service, task });
  t.is(container.hostname, '{{.Node.Hostname}}-2');
  t.like(container.mounts[0], { source: 'data-2' });
  const placed = expandForNode(container, node);
  t.is(placed.hostname, 'alpha-2');
  t.deepEqual(placed.env, {
    ...{ NAME: 'shop_web.2.t1 of shop_web', TIER: 'front', PLATFORM: 'linux/amd64' },
    REMOVED: null,
  });
});

test('braces in a service of shoal up are left alone', (t) => {
  const spec = aTaskSpec({ container: { env: { FORMAT: '{{.Task.Slot}}' } } });
  t.is(expandForTask(spec, { service, task }), spec);
  t.is(expandForNode(spec.container, node), spec.container);
});

test('templates are found in environment, hostname and mounts', (t) => {
  t.false(hasTemplate(aContainer({ env: { A: 'b' }, labels: { c: '{{.Task.Slot}}' } })));
  t.true(hasTemplate(aContainer({ hostname: '{{.Task.Slot}}' })));
  t.throws(() => hasTemplate(aContainer({ env: { A: '{{.Nothing}}' } })), {
    message: /^template \{\{\.Nothing\}\}: not supported; use \.Service\.ID/u,
  });
});

test('trim markers and spaces around an expression do not count', (t) => {
  const container = aContainer({
    templated: true,
    env: { A: '{{- .Node.ID -}}/{{  .Node.OS  }}' },
  });
  t.is(expandForNode(container, node).env.A, 'n1/{{  .Node.OS  }}');
  t.true(hasTemplate(aContainer({ env: { A: '{{- .Task.Slot -}}' } })));
});

test('a long text with an open placeholder is searched in linear time', (t) => {
  const texts = ['{{' + ' '.repeat(100_000), '{{'.repeat(50_000), '{{-'.repeat(30_000)];
  const started = performance.now();
  for (const text of texts) t.false(hasTemplate(aContainer({ env: { A: text } })));
  t.true(performance.now() - started < 5_000);
});
