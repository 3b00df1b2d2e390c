import type { TaskLogLine } from '../../manager/common/protocol/control.js';
import type { Paint } from './color.js';
import { rainbowColor } from './color.js';

export interface LogStyle {
  readonly project: string;
  readonly prefix: boolean;
  readonly timestamps: boolean;
  readonly paint: Paint;
}

/** A container's name as log prefixes show it: without its project. */
export function prefixName(project: string, containerName: string): string {
  const start = `${project}-`;
  return containerName.startsWith(start) ? containerName.slice(start.length) : containerName;
}

/**
 * Turns log lines into text. Sources get their colour in the order they appear; the prefix is as wide as
 * the longest name so far, so `expect` the names that will come to keep the bars in one column.
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

  /** A message about a container in its own column: `web-1 exited with code 0`. */
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
