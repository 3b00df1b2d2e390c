import { once } from 'node:events';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { SshPrompts } from '../../../../cli/ssh/transport/prompts.js';

/** Prompts whose user types these answers, and a process that asks them. */
function start(t: ExecutionContext, typed: readonly string[]) {
  const asked: string[] = [];
  const prompts = new SshPrompts({
    canAsk: true,
    secret: (question) => Promise.resolve(typed[asked.push(question) - 1]),
    confirm: () => Promise.resolve(undefined),
    show: () => undefined,
  });
  t.teardown(() => {
    prompts.close();
  });
  const socket = join(dirname(prompts.environment({}).SSH_ASKPASS ?? ''), 'socket');
  const ask = async (pid: number, prompt: string): Promise<string> => {
    const client = createConnection(socket);
    await once(client, 'connect');
    client.end(JSON.stringify({ pid, prompt, kind: '' }));
    return text(client);
  };
  return { prompts, asked, ask };
}

const prompt = "Enter passphrase for key '/key': ";
const machines = [1, 2, 3, 4, 5];

test('a wrong passphrase is asked for once more, whatever the number of machines', async (t) => {
  const { prompts, asked, ask } = start(t, ['wrong', 'right', 'unused']);
  const askAll = () => Promise.all(machines.map((pid) => ask(pid, prompt)));
  t.deepEqual(new Set(await askAll()), new Set(['=wrong\n']));
  t.deepEqual(new Set(await askAll()), new Set(['=right\n']));
  t.is(asked.length, 2);
  t.deepEqual([...prompts.lockedKeys], []);
});

test('a passphrase that is wrong three times is not asked for again', async (t) => {
  const { prompts, asked, ask } = start(t, ['a', 'b', 'c', 'unused']);
  const answers: string[] = [];
  for (let attempt = 1; attempt <= 4; attempt += 1) answers.push(await ask(1, prompt));
  t.deepEqual(answers, ['=a\n', '=b\n', '=c\n', '']);
  t.is(await ask(2, prompt), '');
  t.is(asked.length, 3);
  t.deepEqual([...prompts.lockedKeys], [['/key', 'wrong']]);
});
