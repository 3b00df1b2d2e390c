import test from 'ava';
import { aService } from '../../../../fixtures/cluster/build.js';
import {
  haveSameNames,
  namesOfProject,
} from '../../../../manager/dispatcher/assignments/project-names.js';

const withAliases = (...aliases: readonly (readonly string[])[]) =>
  aService('web', {
    task: { networks: aliases.map((names, at) => ({ network: `n${String(at)}`, aliases: names })) },
  });

test('a project has the names of its services in order, with each alias once', (t) => {
  t.deepEqual(namesOfProject('demo', [withAliases(['www', 'api'], ['www']), aService('db')]), {
    project: 'demo',
    services: [
      { name: 'demo_web', aliases: ['www', 'api'] },
      { name: 'demo_db', aliases: [] },
    ],
  });
});

test('a new or removed service changes the names of its project', (t) => {
  t.false(haveSameNames(undefined, aService('web')));
  t.false(haveSameNames(aService('web'), undefined));
});

test('only a changed name or alias changes the names of a project', (t) => {
  const web = withAliases(['www']);
  t.true(haveSameNames(web, { ...web, removing: true }));
  t.true(haveSameNames(web, withAliases(['www'])), 'equal networks');
  t.true(haveSameNames(web, withAliases(['www'], [])), 'another network without an alias');
  t.false(haveSameNames(web, withAliases(['www', 'api'])));
  t.false(haveSameNames(web, aService('web')));
});
