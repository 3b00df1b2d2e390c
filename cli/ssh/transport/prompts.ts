import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { decodeJson, object, string, count } from '../../../manager/common/base/decode.js';
import { quoteCommand } from '../quote.js';
import type { TemporaryFolder } from './at-exit.js';
import { temporaryFolder } from './at-exit.js';

/** Ways to ask the user; undefined answers if nobody can be asked. */
export interface Questioner {
  /** False if every question would stay without an answer. */
  readonly canAsk: boolean;
  readonly secret: (question: string) => Promise<string | undefined>;
  readonly confirm: (question: string) => Promise<boolean | undefined>;
  readonly show: (message: string) => void;
}

/** Attempts at one passphrase. */
const maxAnswers = 3;
/** Longest question, characters. */
const maxQuestion = 16_384;

interface Question {
  /** Process that asks. */
  readonly pid: number;
  readonly prompt: string;
  /** SSH_ASKPASS_PROMPT: empty, `confirm` or `none`. */
  readonly kind: string;
}

const question = object<Question>({ pid: count, prompt: string, kind: string });

/** Sends ssh's question to the socket and prints the answer; no answer is a refusal. */
const helper = `
const s = require('net').connect(process.argv[1]);
let a = '';
s.setEncoding('utf8').on('data', (d) => { a += d; }).on('error', () => process.exit(1));
s.on('end', () => { if (a === '') process.exit(1); process.stdout.write(a.slice(1)); });
s.end(JSON.stringify({ pid: process.ppid, prompt: process.argv[2], kind: process.env.SSH_ASKPASS_PROMPT || '' }));
`;

/** All that the peer sends; unlike an iteration, this leaves the socket open for the answer. */
async function received(client: Socket): Promise<string> {
  let all = '';
  client.setEncoding('utf8').on('data', (chunk: string) => {
    if (all.length < maxQuestion) all += chunk;
  });
  await once(client, 'end');
  return all;
}

/** Runs the user's own SSH_ASKPASS; undefined if it refuses. */
async function askProgram(program: string, prompt: string): Promise<string | undefined> {
  const child = spawn(program, [prompt], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise<number | null>((resolve) => {
    child.once('error', () => {
      resolve(null);
    });
    child.once('close', resolve);
  });
  const [answer, code] = await Promise.all([text(child.stdout), closed]);
  return code === 0 ? answer.replace(/\r?\n$/u, '') : undefined;
}

/** A questioner that asks with SSH_ASKPASS, or else nobody. */
export function programQuestioner(env: NodeJS.ProcessEnv): Questioner {
  const program = env.SSH_ASKPASS;
  const ask = async (prompt: string): Promise<string | undefined> =>
    program === undefined || program === '' ? undefined : askProgram(program, prompt);
  return {
    canAsk: program !== undefined && program !== '',
    secret: ask,
    confirm: async (prompt) => {
      const answer = await ask(prompt);
      return answer === undefined ? undefined : /^y(?:es)?$/iu.test(answer);
    },
    show: () => undefined,
  };
}

/**
 * Answers the questions of ssh (passphrases, passwords, unknown jump hosts) and of sudo for all
 * connections of a command: one question at a time, and each once. Nothing is stored.
 */
export class SshPrompts {
  readonly #questioner: Questioner;
  readonly #answers = new Map<string, Promise<string | undefined>>();
  /** The last answer to each process and prompt. */
  readonly #given = new Map<string, Promise<string | undefined>>();
  readonly #rejected = new Map<string, number>();
  readonly #locked = new Map<string, 'unasked' | 'wrong'>();
  #queue: Promise<unknown> = Promise.resolve();
  #open = 0;
  #folder: TemporaryFolder | undefined;
  #server: Server | undefined;

  constructor(questioner: Questioner) {
    this.#questioner = questioner;
  }

  get canAsk(): boolean {
    return this.#questioner.canAsk;
  }

  /** True while the user is asked. */
  get isOpen(): boolean {
    return this.#open > 0;
  }

  /** Keys that stayed locked. */
  get lockedKeys(): ReadonlyMap<string, 'unasked' | 'wrong'> {
    return this.#locked;
  }

  /** Environment in which ssh asks this object. */
  environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    this.#folder ??= this.#listen();
    return {
      ...env,
      SSH_ASKPASS: join(this.#folder.path, 'askpass'),
      SSH_ASKPASS_REQUIRE: 'force',
      // Versions before 8.4 use SSH_ASKPASS with a display only.
      DISPLAY: env.DISPLAY ?? ':0',
    };
  }

  /** Asks for a password, once for each `key`; `forget` makes the next call ask again. */
  async password(key: string, prompt: string): Promise<string | undefined> {
    return this.#once(key, () => this.#questioner.secret(prompt));
  }

  forget(key: string): void {
    this.#answers.delete(key);
  }

  close(): void {
    this.#server?.close();
    this.#answers.clear();
    this.#folder?.remove();
    this.#folder = undefined;
  }

  #listen(): TemporaryFolder {
    const folder = temporaryFolder('shoal-ask-');
    const socket = join(folder.path, 'socket');
    const argv = [process.execPath, '-e', helper, socket];
    const script = `#!/bin/sh\nexec ${quoteCommand(argv)} "$1"\n`;
    writeFileSync(join(folder.path, 'askpass'), script, { mode: 0o700 });
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      client.on('error', () => undefined);
      void this.#serve(client);
    });
    this.#server.listen(socket).unref();
    return folder;
  }

  async #serve(client: Socket): Promise<void> {
    try {
      const asked = decodeJson(await received(client), question, 'question of ssh');
      if (asked.kind === 'none') {
        // A request to touch a security key; ssh ends the helper when that has happened.
        this.#questioner.show(asked.prompt);
        return;
      }
      const answer = await this.#answer(asked);
      client.end(answer === undefined ? '' : `=${answer}\n`);
    } catch {
      client.end();
    }
  }

  async #answer({ pid, prompt, kind }: Question): Promise<string | undefined> {
    const isConfirmation = kind === 'confirm' || prompt.includes('(yes/no');
    if (isConfirmation) {
      const asked = prompt.replace(/\s*\(yes\/no.*$/su, '').trim();
      return this.#once(prompt, async () => {
        const isConfirmed = await this.#questioner.confirm(asked);
        return isConfirmed === true ? 'yes' : undefined;
      });
    }
    const key = /passphrase for key '(.+)'/u.exec(prompt)?.[1];
    const attempt = `${String(pid)} ${prompt}`;
    // The same process asks again: the answer was wrong. Another one may have rejected it before.
    const given = this.#given.get(attempt);
    if (given !== undefined && given === this.#answers.get(prompt)) this.#reject(prompt, key);
    if ((this.#rejected.get(prompt) ?? 0) >= maxAnswers) return undefined;
    const asked = this.#once(prompt, () => this.#questioner.secret(prompt.replace(/:\s*$/u, '')));
    this.#given.set(attempt, asked);
    const answer = await asked;
    if (answer === undefined && key !== undefined) this.#locked.set(key, 'unasked');
    return answer;
  }

  /** Drops a wrong answer; the next question asks the user again. */
  #reject(prompt: string, key: string | undefined): void {
    this.#answers.delete(prompt);
    const times = (this.#rejected.get(prompt) ?? 0) + 1;
    this.#rejected.set(prompt, times);
    // The last answer may be right; then nothing fails.
    if (key !== undefined && times >= maxAnswers - 1) this.#locked.set(key, 'wrong');
  }

  #once(key: string, ask: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#queue.then(async () => {
      this.#open += 1;
      try {
        return await ask();
      } finally {
        this.#open -= 1;
      }
    });
    this.#queue = answer.catch(() => undefined);
    this.#answers.set(key, answer);
    return answer;
  }
}
