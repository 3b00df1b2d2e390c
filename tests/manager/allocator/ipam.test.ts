import test from 'ava';
import fc from 'fast-check';
import { covers, formatCidr, overlaps, parseCidr } from '../../../manager/common/address/cidr.js';
import { formatIp, parseIp } from '../../../manager/common/address/ip.js';
import {
  chooseSubnet,
  nextAddress,
  nextGateway,
  planAddresses,
  subnetPool,
} from '../../../manager/allocator/ipam.js';

test('networks get consecutive /16 subnets apart from used subnets and nodes', (t) => {
  const taken = {
    subnets: [parseCidr('10.128.0.0/16'), parseCidr('10.130.5.0/24')],
    nodes: [parseIp('10.129.7.7'), parseIp('192.0.2.1')],
  };
  const first = chooseSubnet(taken);
  t.is(first && formatCidr(first), '10.131.0.0/16');
  const second = chooseSubnet(taken, first);
  t.is(second && formatCidr(second), '10.132.0.0/16');
  const round = chooseSubnet(taken, parseCidr('10.255.0.0/16'));
  t.is(round && formatCidr(round), '10.131.0.0/16');
});

test('subnets never overlap until the pool is exhausted', (t) => {
  const subnets: ReturnType<typeof parseCidr>[] = [];
  for (;;) {
    const next = chooseSubnet({ subnets, nodes: [] }, subnets.at(-1));
    if (next === undefined) break;
    t.true(covers(subnetPool, next));
    t.false(subnets.some((other) => overlaps(other, next)));
    subnets.push(next);
    if (subnets.length === 400) break;
  }
  t.is(subnets.length, 400);
  t.is(subnets[0]?.prefix, 16);
  t.is(subnets[100]?.prefix, 20);
  t.is(subnets.at(-1)?.prefix, 24);
});

test('an automatic subnet reserves addresses for gateways', (t) => {
  const plan = planAddresses(parseCidr('10.128.0.0/16'), undefined);
  t.is(formatIp(plan.tasks.first), '10.128.16.0');
  t.is(formatIp(plan.tasks.last), '10.128.255.254');
  const used = new Set<number>();
  for (const expected of ['10.128.0.1', '10.128.0.2', '10.128.0.3']) {
    const gateway = nextGateway(plan, used) ?? 0;
    t.is(formatIp(gateway), expected);
    used.add(gateway);
  }
});

test('a user-defined subnet reserves the first address and takes other gateways from the top', (t) => {
  const plan = planAddresses(parseCidr('172.20.0.0/24'), {});
  t.is(formatIp(plan.tasks.first), '172.20.0.2');
  const used = new Set<number>();
  for (const expected of ['172.20.0.1', '172.20.0.254', '172.20.0.253']) {
    const gateway = nextGateway(plan, used) ?? 0;
    t.is(formatIp(gateway), expected);
    used.add(gateway);
  }
});

test('an ip range limits the addresses of tasks', (t) => {
  const plan = planAddresses(parseCidr('172.20.0.0/16'), { range: parseCidr('172.20.5.0/24') });
  t.is(formatIp(plan.tasks.first), '172.20.5.1');
  t.is(formatIp(plan.tasks.last), '172.20.5.254');
});

test('an address in use is never allocated and a released one is reused last', (t) => {
  const ops = fc.array(fc.oneof(fc.constant('take'), fc.nat({ max: 20 })), { maxLength: 120 });
  fc.assert(
    fc.property(fc.integer({ min: 26, max: 30 }), ops, (prefix, steps) => {
      const { tasks: range } = planAddresses(parseCidr(`10.0.0.0/${prefix}`), undefined);
      const size = range.last - range.first + 1;
      const used = new Set<number>();
      let from = range.first;
      for (const step of steps) {
        if (step !== 'take') {
          const freed = [...used][step];
          if (freed === undefined) continue;
          used.delete(freed);
          continue;
        }
        const ip = nextAddress(range, used, from);
        t.is(ip === undefined, used.size === size);
        if (ip === undefined) continue;
        t.false(used.has(ip));
        t.true(ip >= range.first && ip <= range.last);
        used.add(ip);
        from = ip + 1;
      }
    }),
    { numRuns: 200 },
  );
  const { tasks: range } = planAddresses(parseCidr('10.0.0.0/24'), undefined);
  const used = new Set<number>();
  const first = nextAddress(range, used, range.first) ?? 0;
  const again = nextAddress(range, used, first + 1);
  t.is(again, first + 1, 'the released address is not reused at once');
});

/** The subnet that is chosen while the first `used` blocks of 65,536 addresses are in use. */
function chosenBeside(used: number): string {
  const subnets = Array.from({ length: used }, (_, at) => parseCidr(`10.${128 + at}.0.0/16`));
  const subnet = chooseSubnet({ subnets, nodes: [] });
  return subnet === undefined ? 'none' : formatCidr(subnet);
}

test('subnets become smaller when few large blocks are free', (t) => {
  t.is(chosenBeside(0), '10.128.0.0/16');
  t.is(chosenBeside(95), '10.223.0.0/16');
  t.is(chosenBeside(96), '10.224.0.0/20');
  t.is(chosenBeside(111), '10.239.0.0/20');
  t.is(chosenBeside(112), '10.240.0.0/24');
  t.is(chosenBeside(127), '10.255.0.0/24');
  t.is(chosenBeside(128), 'none');
});

test('the share of gateways in an automatic subnet has a lower and an upper limit', (t) => {
  const gateways = (prefix: number): number =>
    planAddresses(parseCidr(`10.0.0.0/${prefix}`), undefined).gateways;
  t.deepEqual([8, 12, 16, 20, 24, 28, 30].map(gateways), [4095, 4095, 4095, 255, 15, 1, 1]);
});

test('a range beyond the subnet is cut to it', (t) => {
  const plan = planAddresses(parseCidr('10.0.0.0/24'), { range: parseCidr('10.0.0.0/16') });
  t.deepEqual([formatIp(plan.tasks.first), formatIp(plan.tasks.last)], ['10.0.0.2', '10.0.0.254']);
});

test('the search starts at an address of the range and wraps around', (t) => {
  const range = { first: 10, last: 12 };
  const none = new Set<number>();
  for (const [from, ip] of [
    [9, 10],
    [10, 10],
    [12, 12],
    [13, 10],
  ] as const)
    t.is(nextAddress(range, none, from), ip);
  t.is(nextAddress(range, new Set([12]), 12), 10);
  t.is(nextAddress(range, new Set([10, 11, 12]), 12), undefined);
});

test('gateways come from the reserved part first, then from the top, and never twice', (t) => {
  const plan = planAddresses(parseCidr('10.0.0.0/28'), undefined);
  const used = new Set<number>();
  const order: string[] = [];
  for (let ip = nextGateway(plan, used); ip !== undefined; ip = nextGateway(plan, used)) {
    used.add(ip);
    order.push(formatIp(ip).slice(7));
  }
  t.deepEqual(order, '1 14 13 12 11 10 9 8 7 6 5 4 3 2'.split(' '));
});

test('the last free block of the smallest size is used', (t) => {
  const all = Array.from({ length: 127 }, (_, at) => parseCidr(`10.${128 + at}.0.0/16`));
  const most = Array.from({ length: 255 }, (_, at) => parseCidr(`10.255.${at}.0/24`));
  const last = chooseSubnet({ subnets: [...all, ...most], nodes: [] });
  t.is(last && formatCidr(last), '10.255.255.0/24');
});

test('gateways continue after the last one, and return to released ones before the top', (t) => {
  const plan = planAddresses(parseCidr('10.128.0.0/24'), undefined);
  const first = parseIp('10.128.0.1');
  const used = new Set<number>([first, first + 1]);
  t.is(nextGateway(plan, used, first + 2), first + 2);
  t.is(nextGateway(plan, used, first + 14), first + 14, 'the last reserved one');
  t.is(nextGateway(plan, used, first + 15), first + 2, 'beyond the reserved ones');
  for (let at = 2; at < 15; at += 1) used.add(first + at);
  t.is(nextGateway(plan, used, first + 2), parseIp('10.128.0.254'));
});
