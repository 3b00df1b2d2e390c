import type { CertificateName } from '../inventory/layout.js';
import { certificatePaths } from '../inventory/layout.js';

/** What a certificate on a machine says, read by certificate-facts.ts. */
export interface CertificateFacts {
  /** `CN/OU/O` of the subject. */
  readonly subject: string;
  readonly alternativeNames: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether the authority it should come from signed it. */
  readonly signedByAuthority: boolean;
}

export interface WantedCertificate {
  readonly name: CertificateName;
  readonly subject: string;
  readonly alternativeNames: readonly string[];
}

export interface CertificateOrder {
  readonly name: CertificateName;
  readonly cause: string;
}

function whyNew(
  wanted: WantedCertificate,
  seen: CertificateFacts | undefined,
  hasKey: boolean,
  nowMs: number,
): string | undefined {
  if (seen === undefined) return 'not there';
  if (!hasKey) return 'its key is missing';
  if (!seen.signedByAuthority) return 'signed by another authority';
  if (seen.subject !== wanted.subject) return `made for ${seen.subject}`;
  const missing = wanted.alternativeNames.filter((name) => !seen.alternativeNames.includes(name));
  if (missing.length > 0) return `does not name ${missing.join(', ')}`;
  const lifetimeMs = seen.notAfterMs - seen.notBeforeMs;
  if (seen.notAfterMs - nowMs < lifetimeMs / 3) return 'expires soon';
  return undefined;
}

/** Which certificates must be issued, and why. `renew` wants all of them anew. */
export function planCertificates(input: {
  readonly wanted: readonly WantedCertificate[];
  readonly seen: ReadonlyMap<CertificateName, CertificateFacts>;
  readonly keys: ReadonlySet<string>;
  readonly nowMs: number;
  readonly renew: boolean;
}): readonly CertificateOrder[] {
  return input.wanted.flatMap((wanted) => {
    const hasKey = input.keys.has(certificatePaths[wanted.name].key);
    const cause =
      whyNew(wanted, input.seen.get(wanted.name), hasKey, input.nowMs) ??
      (input.renew && wanted.name !== 'intermediate' ? 'renewal was asked for' : undefined);
    return cause === undefined ? [] : [{ name: wanted.name, cause }];
  });
}
