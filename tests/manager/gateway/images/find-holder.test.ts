import test from 'ava';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import {
  findImageRecord,
  noSuchImage,
  requireReference,
} from '../../../../manager/gateway/images/find-holder.js';
import { ids, view } from '../../../helpers/stores/container-view.js';

type Context = Parameters<typeof findImageRecord>[0];

/** A cluster whose nodes answer as `answer` says; `asked` are their ids in order. */
async function cluster(
  answer: (node: NodeId) => unknown,
): Promise<{ readonly context: Context; readonly asked: NodeId[] }> {
  const asked: NodeId[] = [];
  const call = (node: NodeId): Promise<unknown> => {
    asked.push(node);
    return Promise.resolve().then(() => answer(node));
  };
  const context = { store: { view: await view() }, workers: { call } } as unknown as Context;
  return { context, asked };
}

const signal = new AbortController().signal;

test('an image that no node has is not found', async (t) => {
  const { context } = await cluster(() => null);
  await t.throwsAsync(findImageRecord(context, 'app', signal), {
    message: 'No such image: app:latest',
  });
});

test('an image is not missing if no node has answered', async (t) => {
  const { context } = await cluster(() => {
    throw new Error('no answer');
  });
  await t.throwsAsync(findImageRecord(context, 'app', signal), {
    message: /no node has answered/u,
  });
});

test('a record is that of the first node that has the image', async (t) => {
  const { context, asked } = await cluster(() => ({ Id: 'sha256:1' }));
  t.deepEqual(await findImageRecord(context, 'app', signal), { Id: 'sha256:1' });
  t.true(asked.length <= 2);
});

test('image references are checked and named as by the engine', (t) => {
  const valid = [
    'busybox',
    'localhost:1/a/b:1',
    'Registry.example:5000/a__b',
    'a@sha256:0123',
    ids.web1,
  ];
  for (const image of valid) t.notThrows(() => requireReference(image));
  for (const image of ['a b', 'a//b', 'a:b:c', '-a']) {
    t.throws(() => requireReference(image), { message: 'invalid reference format' });
  }
  t.throws(() => requireReference('Bad//Image'), { message: 'invalid reference format' });
  t.throws(() => requireReference('Bad/Image'), { message: /must be lowercase$/u });
  t.is(noSuchImage('a:1').message, 'No such image: a:1');
  t.is(noSuchImage('a').message, 'No such image: a:latest');
});
