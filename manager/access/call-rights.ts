import type { ControlCallName, ControlStreamName } from '../common/protocol/control.js';
import type { RequiredRight } from './required-right.js';
import {
  adminCluster,
  deployCluster,
  deployProject,
  deployVisible,
  readCluster,
  readProject,
  readVisible,
} from './required-right.js';

/** Names of all calls and streams of the control API. */
export type ControlName = ControlCallName | ControlStreamName;

/** Rights of calls that change nothing. */
const readingRights = {
  info: readVisible,
  'project.list': readVisible,
  'project.others': readProject,
  'project.settings': readVisible,
  'service.list': readVisible,
  'task.list': readVisible,
  'task.top': readProject,
  'task.inspect': readProject,
  'image.find': readVisible,
  'node.list': readVisible,
  'manager.list': readVisible,
  'network.list': readVisible,
  'volume.list': readVisible,
  'secret.list': readVisible,
  'config.list': readVisible,
  'ca.status': readCluster,
  'client.renew-own': readVisible,
  watch: readVisible,
  events: readVisible,
  stats: readVisible,
  logs: readProject,
} as const;

/** Rights of calls that change projects, or read files of their containers. */
const deployingRights = {
  'project.apply': deployProject,
  'project.remove': deployProject,
  'project.take-over': deployProject,
  'service.scale': deployProject,
  'service.halt': deployProject,
  'service.restart': deployProject,
  'service.kill': deployProject,
  'service.pause': deployProject,
  'service.roll': deployProject,
  'service.rollback': deployProject,
  'service.clean': deployProject,
  'service.create': deployProject,
  'service.update': deployProject,
  'service.revert': deployProject,
  'service.remove': deployProject,
  'task.stat-path': deployProject,
  'task.commit': deployProject,
  'image.pin': deployVisible,
  'image.record': deployVisible,
  'image.resolve': deployVisible,
  'image.remove': deployCluster,
  // A task's id names no project, so these need the right to deploy everywhere.
  'container.create': deployCluster,
  'container.discard': deployCluster,
  'container.remove': deployCluster,
  'container.release': deployCluster,
  'container.rename': deployCluster,
  'container.connect': deployCluster,
  'container.disconnect': deployCluster,
  'container.update': deployCluster,
  'network.create': deployCluster,
  'network.remove': deployCluster,
  'volume.create': deployCluster,
  'volume.remove': deployCluster,
  'secret.create': deployCluster,
  'secret.update': deployCluster,
  'secret.remove': deployCluster,
  'config.create': deployCluster,
  'config.update': deployCluster,
  'config.remove': deployCluster,
  exec: deployProject,
  attach: deployProject,
  'copy-out': deployProject,
  'copy-in': deployProject,
  export: deployProject,
  pull: deployVisible,
  push: deployVisible,
  build: deployVisible,
  fetch: deployVisible,
} as const;

/** Rights of calls that change the cluster or show all of it. */
const administratingRights = {
  'node.update': adminCluster,
  'node.remove': adminCluster,
  'manager.remove': adminCluster,
  'audit.list': adminCluster,
  'project.set-policy': adminCluster,
  'project.set-quota': adminCluster,
  'ca.request': adminCluster,
  'ca.install': adminCluster,
  'ca.finish': adminCluster,
  'ca.set': adminCluster,
  'ca.revoke': adminCluster,
  'ca.rotate-key': adminCluster,
  'client.create': adminCluster,
  'client.list': adminCluster,
  'client.update': adminCluster,
  'client.remove': adminCluster,
  'client.renew': adminCluster,
  'token.create': adminCluster,
  'token.list': adminCluster,
  'token.remove': adminCluster,
  'token.rotate': adminCluster,
  audit: adminCluster,
  backup: adminCluster,
} as const;

/**
 * Right that each call and stream requires. `preview` requires the right of the call that it
 * previews, see `requiredRight`.
 */
export const callRights: Readonly<Record<Exclude<ControlName, 'preview'>, RequiredRight>> = {
  ...readingRights,
  ...deployingRights,
  ...administratingRights,
};
