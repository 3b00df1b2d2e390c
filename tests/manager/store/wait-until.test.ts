import test from 'ava';
import { waitUntil } from '../../../manager/store/wait-until.js';
import type { ClusterStore, Commit } from '../../../manager/store/store.js';

/** A feed of changes without a store. */
class Feed implements Pick<ClusterStore, 'watch'> {
  readonly listeners = new Set<(commit: Commit) => void>();

  watch(listener: (commit: Commit) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  change(): void {
    for (const listener of [...this.listeners])
      listener({ index: 1, actor: 'control', changes: [] });
  }
}

/** Whether the promise is settled after all callbacks that are due now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
}

test('a condition that holds needs no change', async (t) => {
  const feed = new Feed();
  await waitUntil(feed, () => true, new AbortController().signal);
  t.is(feed.listeners.size, 0);
});

test('the wait ends with the first change after which the condition holds', async (t) => {
  const feed = new Feed();
  let holds = false;
  const waiting = waitUntil(feed, () => holds, new AbortController().signal);
  feed.change();
  t.false(await isSettled(waiting));
  holds = true;
  t.false(await isSettled(waiting));
  feed.change();
  t.true(await isSettled(waiting));
  t.is(feed.listeners.size, 0);
});

test('an abort ends the wait, also an abort before it', async (t) => {
  const feed = new Feed();
  const abort = new AbortController();
  const waiting = waitUntil(feed, () => false, abort.signal);
  t.false(await isSettled(waiting));
  abort.abort();
  t.true(await isSettled(waiting));
  t.true(await isSettled(waitUntil(feed, () => false, abort.signal)));
  t.is(feed.listeners.size, 0);
});

test('a wait that has ended leaves no listener on the signal', async (t) => {
  const feed = new Feed();
  const abort = new AbortController();
  let removed = 0;
  const remove = abort.signal.removeEventListener.bind(abort.signal);
  abort.signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    removed += 1;
    remove(...args);
  };
  await waitUntil(feed, () => true, abort.signal);
  t.is(removed, 1);
});
