import test from 'ava';
import { parseNeighbours } from '../../../network/linux/neighbour.js';
import { recordedFields } from '../../helpers/fakes/kernel-recording.js';

test('parseNeighbours groups neighbours by tunnel', (t) => {
  const neighbours = parseNeighbours(recordedFields('neigh-permanent'));
  t.is(neighbours.get('shvx5001')?.get('10.210.0.12'), '02:42:0a:d2:00:0c');
  t.is(neighbours.get('shvx5002')?.size, 1);
});
