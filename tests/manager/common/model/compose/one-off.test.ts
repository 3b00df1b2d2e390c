import test from 'ava';
import { aService, aTask } from '../../../../../fixtures/cluster/build.js';
import { isOneOff } from '../../../../../manager/common/model/compose/one-off.js';

function serviceWith(labels: Readonly<Record<string, string>>): ReturnType<typeof aService> {
  return aService('web', { task: { container: { labels } } });
}

for (const [title, labels, expected] of [
  ['marked as one', { 'com.docker.compose.oneoff': 'True' }, true],
  ['marked as none', { 'com.docker.compose.oneoff': 'False' }, false],
  ['without a mark', {}, false],
] as const) {
  test(`a service and its tasks ${title} are ${expected ? '' : 'not '}one-off commands`, (t) => {
    const service = serviceWith(labels);
    t.is(isOneOff(service), expected);
    t.is(isOneOff(aTask(service, 1)), expected);
  });
}
