import { connect } from 'node:net';

/** Whether a machine answers at all. */
export type Probe = (address: string) => Promise<boolean>;

/** sshd, and the engine's TLS port as docker-machine sets it up. */
const ports = [22, 2376];
const timeoutMs = 300;

/** A connection, and just as well a refusal, comes from a kernel that is alive. */
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

/** TCP to a few well-known ports, at most 300 ms. */
export const probeMachine: Probe = async (address) => {
  const seen = await Promise.all(ports.map((port) => answers(address, port)));
  return seen.includes(true);
};
