import { confirmOnTerminal } from '../output/confirm.js';
import { promptSecret } from '../output/prompt-secret.js';
import type { Questioner } from '../ssh/transport/prompts.js';
import { programQuestioner, SshPrompts } from '../ssh/transport/prompts.js';

/**
 * Asks the user of this command: on the terminal, unless there is none or SSH_ASKPASS_REQUIRE
 * prefers the program of SSH_ASKPASS.
 */
function terminalQuestioner(env: NodeJS.ProcessEnv): Questioner {
  const program = programQuestioner(env);
  const prefersProgram = /^(?:prefer|force)$/u.test(env.SSH_ASKPASS_REQUIRE ?? '');
  if (!process.stdin.isTTY || (prefersProgram && program.canAsk)) return program;
  return {
    canAsk: true,
    secret: promptSecret,
    confirm: confirmOnTerminal,
    show: (message) => process.stderr.write(`${message}\n`),
  };
}

const prompts = new WeakMap<NodeJS.ProcessEnv, SshPrompts>();

/**
 * The prompts of all connections of this command, so that each question is asked once and none
 * while another one is open. They end with the process.
 */
export function promptsOf(env: NodeJS.ProcessEnv): SshPrompts {
  const known = prompts.get(env);
  if (known !== undefined) return known;
  const made = new SshPrompts(terminalQuestioner(env));
  prompts.set(env, made);
  return made;
}
