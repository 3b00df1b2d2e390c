/** Tests for an IPv4 address, without `node:net`, which pure code must not import. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  );
}

/** Tests for an IPv6 address, including `::`, an embedded IPv4 address and a zone. */
export function isIpv6(text: string): boolean {
  const [address = '', zone] = text.split('%');
  if (zone === '') return false;
  const tail = address.slice(address.lastIndexOf(':') + 1);
  if (tail.includes('.') && !isIpv4(tail)) return false;
  const whole = tail.includes('.') ? `${address.slice(0, -tail.length)}0:0` : address;
  const halves = whole.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

/** Tests for an address that a port can be published on; the engine accepts no zone there. */
export function isHostIp(text: string): boolean {
  return isIp(text) && !text.includes('%');
}

export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}
