import { writeSync } from 'node:fs';

/** xterm's alternate screen, cleared, cursor hidden, bracketed paste on; and the reverse. */
const enterSequence = '\u001b[?1049h\u001b[2J\u001b[H\u001b[?25l\u001b[?2004h';
const leaveSequence = '\u001b[?2004l\u001b[?25h\u001b[0m\u001b[?1049l';
/** Mouse presses and wheel (mode 1000) as SGR reports (mode 1006). */
const mouseOn = '\u001b[?1000h\u001b[?1006h';
const mouseOff = '\u001b[?1006l\u001b[?1000l';

/**
 * The terminal while the dashboard uses it. It is restored on every exit, including a crash and
 * `process.exit`; writes are synchronous because an exiting process runs no asynchronous work.
 */
export class OwnedTerminal {
  #entered = false;
  #mouse: boolean;
  readonly #onExit = (): void => {
    this.leave();
  };

  constructor(mouse = false) {
    this.#mouse = mouse;
  }

  /** Enables mouse reports; selecting text in the terminal then requires shift. */
  setMouse(on: boolean): void {
    this.#mouse = on;
    if (this.#entered) write(on ? mouseOn : mouseOff);
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    process.on('exit', this.#onExit);
    write(this.#mouse ? enterSequence + mouseOn : enterSequence);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#onExit);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    write(this.#mouse ? mouseOff + leaveSequence : leaveSequence);
  }
}

function write(text: string): void {
  try {
    writeSync(process.stdout.fd, text);
  } catch {
    // The terminal is gone or not ready.
  }
}
