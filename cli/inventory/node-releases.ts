/**
 * Last days with security fixes of Node's release lines, by major version. Source: the schedule of
 * the Node.js Release working group (nodejs/Release, schedule.json).
 */
const endOfLife: Readonly<Record<number, string>> = {
  18: '2025-04-30',
  19: '2023-06-01',
  20: '2026-04-30',
  21: '2024-06-01',
  22: '2027-04-30',
  23: '2025-06-01',
  24: '2028-04-30',
  25: '2026-06-01',
};

/** Release line with fixes until the latest date above. */
const suggested = 24;

/**
 * Describes a runtime past its end of life, with the remedy; undefined for one that has fixes or is
 * newer than this table. `version` is as `node --version` prints it.
 */
export function outdatedRuntime(
  version: string,
  nowMs: number,
): { readonly problem: string; readonly remedy: string } | undefined {
  const major = Number(/^v?(\d+)\./u.exec(version)?.[1] ?? Number.NaN);
  const oldest = Math.min(...Object.keys(endOfLife).map(Number));
  const day = endOfLife[Math.max(major, oldest)];
  if (day === undefined || nowMs < Date.parse(`${day}T24:00:00Z`)) return undefined;
  return {
    problem: `Node ${version.replace(/^v/u, '')} gets no security fixes since ${day}`,
    remedy: `run shoal with Node ${String(suggested)}, or name one with --runtime, and provision the machine again`,
  };
}
