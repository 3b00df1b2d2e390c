import type { CertificateName } from '../inventory/remote-paths.js';
import { certificatePaths } from '../inventory/remote-paths.js';

/** The parsed content of a certificate on a machine, see certificate-facts.ts. */
export interface InstalledCertificate {
  /** `CN/OU/O` of the subject. */
  readonly subject: string;
  readonly alternativeNames: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** True if the whole chain verifies up to the CA that has to sign it. */
  readonly signedByAuthority: boolean;
}

export interface DesiredCertificate {
  readonly name: CertificateName;
  readonly subject: string;
  readonly alternativeNames: readonly string[];
}

/** A certificate to issue, and why. */
export interface PlannedCertificate {
  readonly name: CertificateName;
  readonly cause: string;
}

function reasonToIssue(
  wanted: DesiredCertificate,
  seen: InstalledCertificate | undefined,
  hasKey: boolean,
  nowMs: number,
): string | undefined {
  if (seen === undefined) return 'missing';
  if (!hasKey) return 'its key is missing';
  if (!seen.signedByAuthority) return 'signed by another CA';
  if (seen.subject !== wanted.subject) return `issued to ${seen.subject}`;
  const missing = wanted.alternativeNames.filter((name) => !seen.alternativeNames.includes(name));
  if (missing.length > 0) return `lacks the names ${missing.join(', ')}`;
  const lifetimeMs = seen.notAfterMs - seen.notBeforeMs;
  if (seen.notAfterMs - nowMs < lifetimeMs / 3) return 'expires soon';
  return undefined;
}

/**
 * Selects the certificates to issue: missing, invalid, for other names, or in the last third of
 * their lifetime. `renew` selects all except the cluster's intermediate CA.
 */
export function planCertificates(input: {
  readonly wanted: readonly DesiredCertificate[];
  readonly seen: ReadonlyMap<CertificateName, InstalledCertificate>;
  readonly keys: ReadonlySet<string>;
  readonly nowMs: number;
  readonly renew: boolean;
}): readonly PlannedCertificate[] {
  return input.wanted.flatMap((wanted) => {
    const hasKey = input.keys.has(certificatePaths[wanted.name].key);
    const cause =
      reasonToIssue(wanted, input.seen.get(wanted.name), hasKey, input.nowMs) ??
      (input.renew && wanted.name !== 'intermediate' ? 'renewal requested' : undefined);
    return cause === undefined ? [] : [{ name: wanted.name, cause }];
  });
}
