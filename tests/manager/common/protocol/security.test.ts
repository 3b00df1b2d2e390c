import test from 'ava';
import { decode } from '../../../../manager/common/base/decode.js';
import { authorityResponse, joinResponse } from '../../../../manager/common/protocol/security.js';

const joined = {
  clusterId: 'c1',
  clusterName: 'c',
  nodeId: 'n1',
  chain: 'PEM',
  managers: ['192.0.2.1:7070'],
};

test('a complete answer to a join is decoded', (t) => {
  t.deepEqual(decode(joined, joinResponse, 'manager'), joined);
});

test('an incomplete answer to a join names the field and what to do', (t) => {
  t.throws(() => decode({ ...joined, nodeId: undefined }, joinResponse, 'manager', 'update it'), {
    message: 'manager: nodeId must be a non-empty string; update it',
  });
  t.throws(() => decode({ ...joined, managers: [7] }, joinResponse, 'manager', 'update it'), {
    message: 'manager: managers[0] must be a non-empty string; update it',
  });
});

test('an answer without a CA is refused', (t) => {
  t.throws(() => decode({ ca: '' }, authorityResponse, 'manager'), {
    message: 'manager: ca must be a non-empty string',
  });
});
