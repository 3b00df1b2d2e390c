import test from 'ava';
import { isRelevantEvent } from '../../../network/linux/monitor.js';

for (const [line, concerns] of [
  ['Deleted 02:42:0a:d3:00:0c dev shvx5002 dst 10.98.60.12 self permanent', true],
  ['Deleted 9: shvx5002: <BROADCAST,MULTICAST> mtu 1450 master sh5002 state DOWN', true],
  ['Deleted 10.211.0.12 dev shvx5002 lladdr 02:42:0a:d3:00:0c PERMANENT', true],
  ['Deleted 8: sh5002    inet 10.211.0.1/24 brd 10.211.0.255 scope global sh5002', true],
  ['7: veth27b170a@if6: <BROADCAST> mtu 1450 qdisc noqueue master sh5001 state UP', false],
  ['02:42:0a:d2:00:0b dev veth27b170a master sh5001', false],
  ['10.210.0.11 dev sh5001 lladdr 02:42:0a:d2:00:0b REACHABLE', false],
  ['10.98.60.1 dev eth0 lladdr 16:8a:68:4c:37:8a REACHABLE', false],
  ['5: shell0: <BROADCAST> mtu 1500', false],
  ['10.211.0.0/24 dev sh5002 proto kernel scope link src 10.211.0.1', false],
  ['Deleted default via 10.98.60.1 dev eth0', true],
  ['default via 10.98.60.2 dev eth0 proto static', true],
  ['2: eth0    inet 10.98.60.99/24 brd 10.98.60.255 scope global eth0', true],
  ['delete table inet shoal', true],
  ['add rule inet shoal forward iifname "sh5001" drop', true],
  ['delete rule ip filter DOCKER-USER handle 2', true],
  ['add rule ip filter DOCKER-ISOLATION-STAGE-1 iifname "sh5001" counter accept', false],
  ['add chain inet shoalwater x', false],
  ['# new generation 7 by process 26194 (nft)', false],
] as const)
  test(`kernel event "${line.slice(0, 40)}…" ${concerns ? 'triggers' : 'does not trigger'} a resync`, (t) => {
    t.is(isRelevantEvent(line), concerns);
  });
