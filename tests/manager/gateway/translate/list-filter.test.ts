import test from 'ava';
import { listContainers } from '../../../../manager/gateway/find-container.js';
import { selectContainers } from '../../../../manager/gateway/translate/list-filter.js';
import { ids, view } from '../../../helpers/stores/container-view.js';

async function listed(
  query: Readonly<Record<string, string>>,
  filters?: object,
): Promise<string[]> {
  const all = await view();
  const asked = new URLSearchParams({
    ...query,
    ...(filters === undefined ? {} : { filters: JSON.stringify(filters) }),
  });
  const found = selectContainers(listContainers(all), asked, { view: all, clusterId: 'c1' });
  return found.map(({ containerId }) => containerId);
}

test('the default list has running containers on reachable nodes, newest first', async (t) => {
  t.deepEqual(await listed({}), [ids.web2, ids.web1, ids.redis]);
  t.deepEqual(await listed({ all: '1' }), [ids.web2, ids.web1, ids.redis, ids.lost, ids.old]);
  t.deepEqual(await listed({ limit: '4' }), [ids.web2, ids.web1, ids.redis, ids.lost]);
});

const filterCases: readonly (readonly [string, object, readonly string[]])[] = [
  ['labels of the spec and of docker compose', { label: { tier: true } }, [ids.redis]],
  ['labels with a value', { label: ['com.docker.compose.service=web'] }, [ids.web2, ids.web1]],
  ['all labels together', { label: ['tier=data', 'com.docker.compose.service=web'] }, []],
  ['names in part', { name: { 'demo-web': true } }, [ids.web2, ids.web1]],
  ['names as a pattern', { name: { '^/demo-web-1$': true } }, [ids.web1]],
  ['names as a pattern without the slash', { name: ['^demo-web-1$'] }, [ids.web1]],
  ['a filter without values', { label: [], name: {} }, [ids.web2, ids.web1, ids.redis]],
  ['isolation', { isolation: ['default'] }, [ids.web2, ids.web1, ids.redis]],
  ['beginnings of ids', { id: { bbbb: true } }, [ids.web2]],
  ['states, which implies all', { status: { exited: true } }, [ids.old]],
  ['one state or the other', { status: ['paused', 'exited'] }, [ids.web2, ids.old]],
  ['health', { health: { healthy: true } }, [ids.redis]],
  ['images by their short name', { ancestor: { redis: true } }, [ids.redis]],
  ['images with a tag that is not theirs', { ancestor: { 'redis:6': true } }, []],
  ['images by the beginning of their id', { ancestor: { abc: true } }, [ids.redis]],
  ['networks', { network: { demo_default: true } }, [ids.redis]],
  ['volumes by name or place', { volume: ['demo_data', '/elsewhere'] }, [ids.redis]],
  ['published ports', { publish: { '8080/tcp': true } }, [ids.web1]],
  ['ranges of ports', { expose: { '70-90': true } }, [ids.web1]],
  ['nodes', { node: { beta: true } }, [ids.web1]],
  ['what was made before', { before: { [ids.web2]: true } }, [ids.web1, ids.redis]],
  ['what was made since', { since: { 'demo-redis-1': true } }, [ids.web2, ids.web1]],
];

for (const [what, filters, expected] of filterCases) {
  test(`containers are filtered by ${what}`, async (t) => {
    t.deepEqual(await listed({}, filters), expected);
  });
}

test('exit codes select among the containers that are listed', async (t) => {
  t.deepEqual(await listed({}, { exited: ['3'] }), []);
  t.deepEqual(await listed({ all: '1' }, { exited: ['3'] }), [ids.old]);
});

test('unknown and malformed filters are errors', async (t) => {
  await t.throwsAsync(listed({}, { nosuch: ['x'] }), { message: "invalid filter 'nosuch'" });
  await t.throwsAsync(listed({}, { status: ['flying'] }), {
    message: "invalid filter 'status=flying'",
  });
  await t.throwsAsync(listed({}, { exited: ['x'] }), { message: /'exited=x'/ });
  await t.throwsAsync(listed({ filters: '{' }), { message: /not valid JSON/ });
  await t.throwsAsync(listed({ limit: 'x' }), { message: /must be an integer/ });
  await t.throwsAsync(listed({}, { before: ['nosuch'] }), { message: /No such container/ });
});
