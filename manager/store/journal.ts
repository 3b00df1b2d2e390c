import type { EventType } from '../common/protocol/control.js';
import type { Meta } from '../common/model/meta.js';

/** A stored cluster event, with Docker's event types and actions. */
export interface RecordedEvent {
  /** ms since the epoch. */
  readonly at: number;
  readonly type: EventType;
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Project that streams filter by; empty events belong to all projects. */
  readonly project: string;
  /**
   * Identifies the occurrence of the action. Workers report again to a new leader; an event with
   * the same mark as the last event of its kind is a duplicate and is dropped.
   */
  readonly mark?: string;
}

/** Events written together. The id is the number of the first event, so that ids sort in order. */
export interface EventRecord extends Meta {
  readonly id: string;
  readonly first: number;
  readonly events: readonly RecordedEvent[];
}

/** Principal on whose behalf a change is written. */
export interface AuditOrigin {
  /** Name in the certificate. */
  readonly who: string;
  readonly role: 'client' | 'manager' | 'worker';
  /** Serial number of the certificate, lower-case hex. */
  readonly serial?: string;
  /** IP address of the principal, also if another manager forwarded the request. */
  readonly from?: string;
  /** Node id of the manager that forwarded the request. */
  readonly via?: string;
  /** Name of the call or stream, or method and path of the Docker API. */
  readonly action: string;
}

/** Audit entry: a principal and its changes. The id is the number, so that ids sort in order. */
export interface AuditRecord extends Meta, AuditOrigin {
  readonly id: string;
  readonly number: number;
  readonly at: number;
  /** `ok`, `started` or the kind of the error; absent in records of earlier versions. */
  readonly result?: string;
  /** One line per object that the request changed or concerned. */
  readonly changes: readonly string[];
}

/** Zero-padded id, so that ids sort numerically. */
export function sequenceId(number: number): string {
  return String(number).padStart(14, '0');
}
