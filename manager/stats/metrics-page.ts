import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, messageOf } from '../common/base/errors.js';
import type { ClusterStore } from '../store/store.js';
import type { StatsCollector } from './collector.js';
import { metricsText } from './metrics.js';
import type { ComponentCounters } from './component-metrics.js';

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Renders the current metrics page. */
export function metricsPage(
  store: ClusterStore,
  statistics: StatsCollector,
  rooms: ComponentCounters,
): string {
  const cpu = process.cpuUsage();
  const processUse = {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: Math.round(Date.now() / 1000 - process.uptime()),
  };
  return metricsText(store.view, statistics.read(), { process: processUse, rooms });
}

/** Serves the metrics over plain HTTP for a scraper without a client certificate. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Rejects with `conflict` if the address is in use. */
  static async listen(
    address: { readonly host: string; readonly port: number },
    page: () => string,
  ): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const found = request.method === 'GET' && request.url?.split('?')[0] === '/metrics';
      const body = found ? page() : 'not found: metrics are served at /metrics\n';
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
        `metrics: cannot listen on ${address.host}:${address.port}: ${messageOf(error)}`,
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
