import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, messageOf } from '../common/base/errors.js';
import type { ClusterStore } from '../store/store.js';
import type { StatsGatherer } from './gather.js';
import { metricsText } from './metrics.js';
import type { RoomFigures } from './room-metrics.js';

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** The page of the moment. */
export function metricsPage(
  store: ClusterStore,
  statistics: StatsGatherer,
  rooms: RoomFigures,
): string {
  const cpu = process.cpuUsage();
  const own = {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: Math.round(Date.now() / 1000 - process.uptime()),
  };
  return metricsText(store.view, statistics.read(), { process: own, rooms });
}

/** The metrics over plain HTTP, for a scraper on the same machine that has no certificate. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Fails as `conflict` when the address is taken. */
  static async listen(
    address: { readonly host: string; readonly port: number },
    page: () => string,
  ): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const found = request.method === 'GET' && request.url?.split('?')[0] === '/metrics';
      const body = found ? page() : 'metrics are at /metrics\n';
      response.writeHead(found ? 200 : 404, {
        'content-type': found ? metricsContentType : 'text/plain',
      });
      response.end(body);
    });
    server.listen(address.port, address.host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new AppError(
        'conflict',
        `cannot serve metrics on ${address.host}:${address.port}: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return new MetricsServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
