import type { Meta } from '../common/model/meta.js';

/** One event of the cluster, in docker's words, as it is stored. */
export interface RecordedEvent {
  /** ms since the epoch. */
  readonly at: number;
  readonly type: 'container' | 'service' | 'node' | 'network' | 'volume';
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The project it belongs to, by which streams are filtered; empty belongs to all. */
  readonly project: string;
  /**
   * Which occurrence of its action it is. Workers tell a new leader what the last one has told already: what
   * bears the mark of the last event of its kind is not told again.
   */
  readonly mark?: string;
}

/** Events that were written together. Its id is the number of the first, so that ids are in order. */
export interface EventRecord extends Meta {
  readonly id: string;
  readonly first: number;
  readonly events: readonly RecordedEvent[];
}

/** On whose behalf something is written. */
export interface Origin {
  /** Name on the certificate. */
  readonly who: string;
  readonly role: 'client' | 'manager' | 'worker';
  /** What was asked for: the call's or stream's name. */
  readonly action: string;
}

/** Who changed what. Its id is its number, so that ids are in order. */
export interface AuditRecord extends Meta, Origin {
  readonly id: string;
  readonly number: number;
  readonly at: number;
  /** One line a thing. */
  readonly changes: readonly string[];
}

/** Numbers as ids that sort as numbers do. */
export function numberId(number: number): string {
  return String(number).padStart(14, '0');
}
