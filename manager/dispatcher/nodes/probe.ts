import { connect } from 'node:net';

/** Resolves whether a machine answers on the network. */
export type Probe = (address: string) => Promise<boolean>;

/** Ports of sshd and of the Docker Engine's TLS socket (as docker-machine configures it). */
const ports = [22, 2376];
const timeoutMs = 300;

/** A refused connection counts too: only a live kernel sends the RST. */
function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (alive: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    const timer = setTimeout(() => {
      end(false);
    }, timeoutMs);
    socket.once('connect', () => {
      end(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end(error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET');
    });
  });
}

/** Probes a machine by TCP connects to well-known ports, at most 300 ms. */
export const probeMachine: Probe = async (address) => {
  const seen = await Promise.all(ports.map((port) => answers(address, port)));
  return seen.includes(true);
};
