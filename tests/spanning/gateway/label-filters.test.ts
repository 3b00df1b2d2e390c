import test from 'ava';
import { aNetwork, aVolume } from '../../../fixtures/cluster/build.js';
import { networkFilters, matchesNetwork } from '../../../manager/gateway/translate/network.js';
import { volumeFilters, matchesVolume } from '../../../manager/gateway/translate/volume.js';
import { filtersOf } from '../../helpers/decisions/query-filters.js';

test("networks and volumes match docker compose's label filters", (t) => {
  const network = aNetwork('demo_default');
  const byProject = { label: { 'com.docker.compose.project=demo': true } };
  t.true(matchesNetwork(network, filtersOf(byProject, networkFilters), false));
  t.false(matchesNetwork(network, filtersOf({ dangling: ['true'] }, networkFilters), true));
  t.false(matchesNetwork(network, filtersOf({ driver: ['bridge'] }, networkFilters), true));
  const volume = aVolume('demo_data', ['n1']);
  const use = { nodes: ['alpha'], isUsed: true };
  t.true(matchesVolume(volume, filtersOf(byProject, volumeFilters), use));
  t.true(matchesVolume(volume, filtersOf({ node: ['alpha'] }, volumeFilters), use));
  t.false(matchesVolume(volume, filtersOf({ dangling: ['1'] }, volumeFilters), use));
});
