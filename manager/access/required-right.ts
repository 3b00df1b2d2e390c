import type { ClientRole } from '../common/model/trust/client.js';

/**
 * Right that a call or route requires of its client.
 *
 * `project`: the call names the project that it acts on. `visible`: the call acts on or shows
 * objects that the client's view of the store contains. `cluster`: the call concerns the cluster as
 * a whole, so clients that are limited to projects are refused.
 */
export interface RequiredRight {
  readonly role: ClientRole;
  readonly scope: 'project' | 'visible' | 'cluster';
}

/** Shows objects that the client may see. */
export const readVisible: RequiredRight = { role: 'read', scope: 'visible' };
/** Shows objects of one project. */
export const readProject: RequiredRight = { role: 'read', scope: 'project' };
/** Shows objects of all projects. */
export const readCluster: RequiredRight = { role: 'read', scope: 'cluster' };
/** Changes objects that the client may see, or reads what their containers hold. */
export const deployVisible: RequiredRight = { role: 'deploy', scope: 'visible' };
/** Changes objects of one project, or reads what its containers hold. */
export const deployProject: RequiredRight = { role: 'deploy', scope: 'project' };
/** Changes objects outside projects. */
export const deployCluster: RequiredRight = { role: 'deploy', scope: 'cluster' };
/** Changes machines, managers, certificates and clients. */
export const adminCluster: RequiredRight = { role: 'admin', scope: 'cluster' };
