import { busyboxReference } from '../../fixtures/images/busybox.js';
import { probeFolder, probeScript } from './probe.js';

/*
 * Two projects. A user works on `faults` during a fault. `watch` stays: its probes on every node
 * resolve a name and ping the address, and a second user scales its `tide`.
 */

export const sharedNetwork = 'faults-shared';
export const ownNetwork = 'faults_default';
export const keepReplicas = 3;

const common = `    image: ${busyboxReference}
    init: true
    restart: always
    stop_grace_period: 0s
`;

const networks = `networks:
  shared: {name: ${sharedNetwork}, external: true}
`;

export const faultsProject = `services:
  keep:
${common}    command: ["sleep", "1000000"]
    networks: [default, shared]
    scale: ${keepReplicas}
${networks}`;

export const probeProject = `services:
  target:
${common}    command: ["sleep", "1000000"]
    networks: [shared]
    scale: 3
  tide:
${common}    command: ["sleep", "1000000"]
    networks: [shared]
    scale: 1
  probe:
${common}    command: ${JSON.stringify(['sh', '-c', probeScript('target').replaceAll('$', '$$$$')])}
    networks: [shared]
    volumes: ["${probeFolder}:/watch"]
    deploy: {mode: global}
${networks}`;
