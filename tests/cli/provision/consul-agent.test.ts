import test from 'ava';
import type { LocalClusterRecord } from '../../../cli/inventory/cluster-record.js';
import { withConsulServer, withoutConsulServer } from '../../../cli/inventory/cluster-record.js';
import { planConsulAgent, consulSettings } from '../../../cli/provision/consul-agent.js';

const servers = ['a', 'b', 'c'].map((name, at) => ({ name, address: `10.0.0.${String(at + 1)}` }));
const founded: LocalClusterRecord = {
  name: 'prod',
  id: 'id',
  strategy: 'spread',
  managers: [],
  discovery: 'consul://127.0.0.1:8500',
  consulServers: servers,
};
const files = { gossipKey: 'gossip', token: 'secret-token', agentCa: 'ca' };

function settingsOf(cluster: LocalClusterRecord, name: string, address: string): unknown {
  const agent = planConsulAgent(cluster, { name, address, isManager: true }, files);
  return agent === undefined ? undefined : JSON.parse(consulSettings(agent));
}

test('the first servers bootstrap together and deny requests without the token', (t) => {
  t.like(settingsOf(founded, 'b', '10.0.0.2'), {
    server: true,
    bootstrap_expect: 3,
    client_addr: '127.0.0.1',
    retry_join: ['10.0.0.1', '10.0.0.3'],
    encrypt: 'gossip',
    acl: { enabled: true, default_policy: 'deny', tokens: { master: 'secret-token' } },
  });
  const later = settingsOf(founded, 'd', '10.0.0.4') as object;
  t.like(later, { server: false, acl: { default_policy: 'deny' } });
  t.false('bootstrap_expect' in later);
});

test('a cluster without a consul token keeps ACLs disabled', (t) => {
  const machine = { name: 'a', address: '10.0.0.1', isManager: true };
  const agent = planConsulAgent(founded, machine, { gossipKey: 'gossip' });
  if (agent === undefined) throw new Error('no agent');
  t.false('acl' in (JSON.parse(consulSettings(agent)) as object));
});

test('the next manager replaces a lost consul server and joins the remaining ones', (t) => {
  const fourth = { name: 'd', address: '10.0.0.4' };
  t.is(withConsulServer(founded, fourth), founded, 'three are enough');
  const left = withoutConsulServer(founded, 'a');
  t.is(withoutConsulServer(left, 'a'), left);
  const whole = withConsulServer(left, fourth);
  t.deepEqual(
    whole.consulServers?.map(({ name }) => name),
    ['b', 'c', 'd'],
  );
  const joined = settingsOf(whole, 'd', '10.0.0.4') as object;
  t.like(joined, { server: true, retry_join: ['10.0.0.2', '10.0.0.3'] });
  t.false('bootstrap_expect' in joined);
  t.like(settingsOf(whole, 'b', '10.0.0.2'), { bootstrap_expect: 3 });
  t.is(withConsulServer(whole, { name: 'e', address: '10.0.0.5' }), whole);
});

test('agents trust their own CA only, and only a server is accepted as one', (t) => {
  const agent = planConsulAgent(
    founded,
    { name: 'a', address: '10.0.0.1', isManager: true },
    files,
  );
  if (agent === undefined) throw new Error('no agent');
  t.is(agent.ca, 'ca');
  const own = {
    ca_file: '/etc/shoal/consul/ca.pem',
    cert_file: '/etc/shoal/consul/agent.pem',
    key_file: '/etc/shoal/consul/agent-key.pem',
    verify_incoming_rpc: true,
    verify_outgoing: true,
    verify_server_hostname: true,
  };
  t.like(JSON.parse(consulSettings(agent)), own);
  t.like(JSON.parse(consulSettings(agent, 'certificates')), {
    ...own,
    verify_server_hostname: false,
  });
  t.like(JSON.parse(consulSettings(agent, 'both')), {
    ...own,
    cert_file: '/etc/shoal/pki/worker.pem',
    key_file: '/etc/shoal/pki/worker-key.pem',
    verify_server_hostname: false,
  });
});
