import test from 'ava';
import { aTaskSpec } from '../../../../fixtures/cluster/build.js';
import type { PortSpec } from '../../../../manager/common/model/service.js';
import type { HostPort } from '../../../../manager/store/indexes/used-ports.js';
import {
  hostPortOf,
  markPortUsed,
  releasePort,
  wantedPorts,
} from '../../../../manager/store/indexes/used-ports.js';

const port = (published: number | undefined, changes: Partial<PortSpec> = {}): PortSpec => ({
  target: 80,
  protocol: 'tcp',
  mode: 'host',
  ...(published === undefined ? {} : { published }),
  ...changes,
});

const taskWith = (...ports: readonly PortSpec[]): Parameters<typeof wantedPorts>[0] => ({
  spec: aTaskSpec({ ports }),
});

const tcp = (number: number, hostIp = ''): HostPort => ({ protocol: 'tcp', port: number, hostIp });

function used(...ports: readonly HostPort[]): Map<string, readonly string[]> {
  const taken = new Map<string, readonly string[]>();
  for (const each of ports) markPortUsed(taken, each);
  return taken;
}

test('only published ports of a container on networks are wanted', (t) => {
  const ports = [port(8080), port(undefined)];
  t.deepEqual(wantedPorts(taskWith(...ports)), [port(8080)]);
  const networkMode = { kind: 'none' } as const;
  t.deepEqual(wantedPorts({ spec: aTaskSpec({ ports, container: { networkMode } }) }), []);
});

test('every name of all addresses is the same address', (t) => {
  for (const hostIp of ['', '0.0.0.0', '::', '[::]'])
    t.deepEqual(hostPortOf(port(80, { hostIp }), 80), tcp(80));
  t.deepEqual(hostPortOf(port(80, { hostIp: '10.0.0.1' }), 81), tcp(81, '10.0.0.1'));
});

test('a port is in use until each holder has released it', (t) => {
  const taken = used(tcp(80, '10.0.0.1'), tcp(80, '10.0.0.2'));
  releasePort(taken, tcp(80, '10.0.0.3'));
  t.deepEqual(taken.get('tcp/80'), ['10.0.0.1', '10.0.0.2']);
  releasePort(taken, tcp(80, '10.0.0.1'));
  t.deepEqual(taken.get('tcp/80'), ['10.0.0.2']);
  releasePort(taken, tcp(80, '10.0.0.2'));
  t.is(taken.size, 0);
  releasePort(taken, tcp(81));
  t.is(taken.size, 0);
});
