const tickMs = 10;

/**
 * Measures how long the event loop is blocked: the delay of a timer, and the part of it in which
 * this process had a CPU. On a busy machine only the second is the program's.
 */
export class LoopWatch {
  delayMs = 0;
  busyMs = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    let due = performance.now() + tickMs;
    let cpu = process.cpuUsage();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const used = process.cpuUsage(cpu);
      const delayMs = Math.max(0, now - due);
      this.delayMs = Math.max(this.delayMs, delayMs);
      this.busyMs = Math.max(this.busyMs, Math.min(delayMs, (used.user + used.system) / 1000));
      due = now + tickMs;
      cpu = process.cpuUsage();
    }, tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
