import type { Answer, RecordType } from 'dns-packet';
import { encode } from 'dns-packet';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type { Query } from '../../../network/dns/query.js';
import { questionName, readQuestion } from '../../../network/dns/wire.js';

export interface QueryOptions extends Partial<
  Pick<Query, 'client' | 'transport' | 'upstreams' | 'searchDomains'>
> {
  readonly type?: RecordType | 'ANY';
  readonly id?: number;
  /** Size of answers that the client accepts; without it the query has no EDNS. */
  readonly edns?: number;
  readonly flags?: number;
  readonly scope?: Partial<Query['scope']>;
}

/** The bytes of a query. */
export function queryMessage(name: string, options: QueryOptions = {}): Buffer {
  const { type = 'A', id = 4711, edns, flags = 0x0100 } = options;
  const opt: Answer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: edns ?? 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const additionals = edns === undefined ? [] : [opt];
  return encode({
    type: 'query',
    id,
    flags,
    questions: [{ type: type as RecordType, name }],
    additionals,
  });
}

/** A query of a container of project `shop` on one network. */
export function aQuery(name: string, options: QueryOptions = {}): Query {
  const { client = '10.210.0.11', transport = 'udp', upstreams = [], searchDomains = [] } = options;
  const message = queryMessage(name, options);
  const question = readQuestion(message, transport);
  if (question === undefined) throw new Error(`the query for ${name} is malformed`);
  const networkIds = ['net-shop-default' as NetworkId];
  return {
    message,
    question,
    name: questionName(message),
    scope: { networkIds, project: 'shop', external: true, ...options.scope },
    client,
    transport,
    upstreams,
    searchDomains,
  };
}
