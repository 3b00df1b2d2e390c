import { writeSync } from 'node:fs';

/** xterm's alternate screen, cleared, without a cursor; and back to what was there before. */
const enterSequence = '\u001b[?1049h\u001b[2J\u001b[H\u001b[?25l';
const leaveSequence = '\u001b[?25h\u001b[0m\u001b[?1049l';

/**
 * The terminal while the dashboard has it. It is given back on every way out, a crash or `process.exit`
 * included: written at once, as nothing asynchronous happens any more then.
 */
export class OwnedTerminal {
  #entered = false;
  readonly #onExit = (): void => {
    this.leave();
  };

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    process.on('exit', this.#onExit);
    write(enterSequence);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#onExit);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    write(leaveSequence);
  }
}

function write(text: string): void {
  try {
    writeSync(process.stdout.fd, text);
  } catch {
    // The terminal has gone, or is not ready: there is nobody to show anything to.
  }
}
