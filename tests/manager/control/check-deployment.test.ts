import test from 'ava';
import { aNetwork, aService, aServiceSpec, aVolume } from '../../../fixtures/cluster/build.js';
import { isForbidden } from '../../../manager/common/base/errors.js';
import type { ClientAccess } from '../../../manager/common/model/trust/client.js';
import { closedPolicy } from '../../../manager/common/model/trust/project-policy.js';
import type { ProjectApply } from '../../../manager/common/protocol/project-calls.js';
import { checkDeployment } from '../../../manager/control/check-deployment.js';
import type { StoreView } from '../../../manager/store/store.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const ci: ClientAccess = { name: 'ci', role: 'deploy', projects: ['shop'] };
const admin: ClientAccess = { name: 'root', role: 'admin', projects: [] };

async function cluster(): Promise<StoreView> {
  const store = await openTestStore();
  await store.update('control', (tx) => {
    for (const [name, project] of [
      ['blog_default', 'blog'],
      ['shared', ''],
    ] as const) {
      const network = aNetwork(name);
      tx.create('networks', { ...network, spec: { ...network.spec, project } });
    }
    tx.create('services', aService('web', { project: 'blog' }));
  });
  return store.view;
}

const shop: ProjectApply = {
  ...anApply({ services: [aServiceSpec('web', { project: 'shop' })] }),
  project: 'shop',
};

test('a limited client uses objects of its project and shared ones', async (t) => {
  const view = await cluster();
  t.notThrows(() => {
    checkDeployment(ci, shop, view);
    checkDeployment(ci, { ...shop, externalNetworks: ['shared', 'not-yet-there'] }, view);
  });
});

test('a limited client neither joins networks nor replaces services of other projects', async (t) => {
  const view = await cluster();
  const [web] = shop.services;
  t.truthy(web);
  if (web === undefined) return;
  const attacks: readonly ProjectApply[] = [
    { ...shop, externalNetworks: ['blog_default'] },
    { ...shop, externalVolumes: ['unknown-to-the-cluster'] },
    { ...shop, services: [{ ...web, name: 'blog_web' }] },
    { ...shop, networks: [{ ...aNetwork('blog_default').spec, project: 'shop' }] },
    { ...shop, networks: [{ ...aNetwork('own').spec, project: 'blog' }] },
  ];
  for (const attack of attacks) {
    const error = t.throws(() => {
      checkDeployment(ci, attack, view);
    });
    t.true(isForbidden(error));
    t.regex(error.message, /not in the projects of client ci \(shop\), nor shared/u);
    t.notThrows(() => {
      checkDeployment(admin, attack, view);
    });
  }
});

test('a deployer is refused rights over machines in one line', async (t) => {
  const view = await cluster();
  const spec = aServiceSpec('web', { project: 'shop' });
  const container = { ...spec.task.container, hostConfig: { Privileged: true, CapAdd: ['ALL'] } };
  const input = { ...shop, services: [{ ...spec, task: { ...spec.task, container } }] };
  const deployer = { ...ci, projects: [] };
  const error = t.throws(() => {
    checkDeployment(deployer, input, view);
  });
  t.is(
    error.message,
    'service web: cap_add ALL, privileged: requests rights over its machine, and client ci is not an admin; an admin can allow it with "shoal project policy shop --allow-capability ALL --allow-privileged"',
  );
  t.notThrows(() => {
    checkDeployment(admin, input, view);
  });
});

test('a policy allows its own project only what it names, for services and volumes', async (t) => {
  const store = await openTestStore();
  const policy = { ...closedPolicy, privileged: true, bindPaths: ['/srv/shop'] };
  await store.update('control', (tx) => tx.create('projects', { id: 'shop', policy }));
  const apply = (project: string, device: string): ProjectApply => {
    const spec = aServiceSpec('web', { project });
    const container = { ...spec.task.container, hostConfig: { Privileged: true } };
    const driverOpts = { type: 'none', o: 'bind', device };
    const volume = { ...aVolume('data').spec, project, driverOpts };
    const services = [{ ...spec, task: { ...spec.task, container } }];
    return { ...anApply({ services }), project, volumes: [volume] };
  };
  const deployer = { ...ci, projects: [] };
  const check = (project: string, device: string) => () => {
    checkDeployment(deployer, apply(project, device), store.view);
  };
  t.notThrows(check('shop', '/srv/shop/data'));
  t.regex(
    t.throws(check('blog', '/srv/shop/data')).message,
    /^service web: privileged: .*policy blog/u,
  );
  t.regex(
    t.throws(check('shop', '/srv/shopping')).message,
    /^volume data: driver_opts device \/srv\/shopping: .*--allow-bind \/srv\/shopping"$/u,
  );
});
