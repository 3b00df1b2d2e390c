import type { TaskLogLine } from '../../manager/common/protocol/control.js';
import { logBytes } from '../../manager/common/protocol/worker-calls.js';
import type { Paint } from './color.js';
import { rainbowColor } from './color.js';

export interface LogStyle {
  readonly project: string;
  readonly prefix: boolean;
  readonly timestamps: boolean;
  readonly paint: Paint;
}

/** Returns a container's name for log prefixes: without the project. */
export function prefixName(project: string, containerName: string): string {
  const start = `${project}-`;
  return containerName.startsWith(start) ? containerName.slice(start.length) : containerName;
}

/**
 * Formats log lines. Each source gets a colour in order of appearance. The prefix is as wide as the
 * longest name seen; `expect` registers names in advance to keep the separators in one column.
 */
export class LogPrinter {
  readonly #style: LogStyle;
  readonly #colors = new Map<string, number>();
  #width = 0;
  /** Task, stream and timestamp of the line that was printed without a line end. */
  #open: string | undefined;

  constructor(style: LogStyle) {
    this.#style = style;
  }

  expect(containerNames: readonly string[]): void {
    for (const name of containerNames) this.#color(prefixName(this.#style.project, name));
  }

  /** Formats lines as bytes: text that is not UTF-8 is unchanged. */
  lines(lines: readonly TaskLogLine[]): Uint8Array {
    return Buffer.concat(lines.map((line) => this.#line(line)));
  }

  /** Ends the last line if it was printed without a line end. */
  end(): string {
    const isOpen = this.#open !== undefined;
    this.#open = undefined;
    return isOpen ? '\n' : '';
  }

  #line(line: TaskLogLine): Uint8Array {
    const key = `${line.taskId} ${line.stream} ${line.stamp}`;
    const continues = this.#open === key;
    const stamp = this.#style.timestamps ? `${line.stamp} ` : '';
    const start = continues ? '' : `${this.end()}${this.#bar(line.containerName)}${stamp}`;
    this.#open = line.partial === true ? key : undefined;
    const end = line.partial === true ? '' : '\n';
    return Buffer.concat([Buffer.from(start), logBytes(line), Buffer.from(end)]);
  }

  /** Formats a message about a container, in the container's colour: `web-1 exited with code 0`. */
  notice(containerName: string, text: string): string {
    const name = prefixName(this.#style.project, containerName);
    return `${this.end()}${this.#style.paint(rainbowColor(this.#color(name)), name)} ${text}\n`;
  }

  #bar(containerName: string): string {
    if (!this.#style.prefix) return '';
    const name = prefixName(this.#style.project, containerName);
    const color = rainbowColor(this.#color(name));
    return this.#style.paint(color, `${name.padEnd(this.#width)}  | `);
  }

  #color(name: string): number {
    const known = this.#colors.get(name);
    if (known !== undefined) return known;
    const next = this.#colors.size;
    this.#colors.set(name, next);
    this.#width = Math.max(this.#width, name.length);
    return next;
  }
}
