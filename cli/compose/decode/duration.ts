const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/** Parses `1m30s`, `1.5h`, `2d`, `-1s` or `0` to nanoseconds; undefined if it is not a duration. */
export function parseComposeDuration(text: string): bigint | undefined {
  const match = /^([-+]?)(.*)$/s.exec(text);
  const body = match?.[2] ?? '';
  if (body === '0') return 0n;
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h|d|w))+$/.test(body))
    return undefined;
  let total = 0n;
  for (const part of body.matchAll(/([0-9]*)\.?([0-9]*)([a-zµμ]+)/g)) {
    const unit = units[part[3] ?? ''] ?? 0n;
    const fraction = part[2] ?? '';
    total += BigInt(part[1] === '' ? '0' : (part[1] ?? '0')) * unit;
    if (fraction !== '') total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
  }
  if (total >= 2n ** 63n) return undefined;
  return match?.[1] === '-' ? -total : total;
}

/** Formats a duration as Go does: `1h30m0s`, `1.5s`, `250ms`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size < 1_000n) return `${sign}${String(size)}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const hours = size / 3_600_000_000_000n;
  const minutes = (size / 60_000_000_000n) % 60n;
  const seconds = decimal(size % 60_000_000_000n, 1_000_000_000n);
  if (hours > 0n) return `${sign}${String(hours)}h${String(minutes)}m${seconds}s`;
  return minutes > 0n ? `${sign}${String(minutes)}m${seconds}s` : `${sign}${seconds}s`;
}

function decimal(value: bigint, unit: bigint): string {
  const rest = value % unit;
  if (rest === 0n) return String(value / unit);
  const digits = String(rest)
    .padStart(String(unit).length - 1, '0')
    .replace(/0+$/, '');
  return `${String(value / unit)}.${digits}`;
}
