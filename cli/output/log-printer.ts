import type { TaskLogLine } from '../../manager/common/protocol/control.js';
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

  constructor(style: LogStyle) {
    this.#style = style;
  }

  expect(containerNames: readonly string[]): void {
    for (const name of containerNames) this.#color(prefixName(this.#style.project, name));
  }

  line(line: TaskLogLine): string {
    const stamp = this.#style.timestamps ? `${line.stamp} ` : '';
    return `${this.#bar(line.containerName)}${stamp}${line.text}\n`;
  }

  /** Formats a message about a container, in the container's colour: `web-1 exited with code 0`. */
  notice(containerName: string, text: string): string {
    const name = prefixName(this.#style.project, containerName);
    return `${this.#style.paint(rainbowColor(this.#color(name)), name)} ${text}\n`;
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
