import type { CreateFlags } from '../../../cli/machine/new-record.js';

/** The default flags of `machine create` for one machine. */
export const createFlags: CreateFlags = {
  driver: 'generic',
  genericIpAddress: ['10.0.0.1'],
  genericSshUser: 'root',
  genericSshPort: 22,
  genericEnginePort: 2376,
  engineLabel: [],
  engineOpt: [],
  engineEnv: [],
  engineInsecureRegistry: [],
  engineRegistryMirror: [],
  engineStorageDriver: '',
  tlsSan: [],
  swarm: false,
  swarmMaster: false,
  swarmStrategy: 'spread',
  swarmDiscovery: '',
};
