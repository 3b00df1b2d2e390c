import { AppError } from '../../manager/common/base/errors.js';
import type { UserAuthority } from '../certificates/authority.js';
import { readCertificates } from '../certificates/certificate-facts.js';
import { planCertificates } from '../certificates/certificate-plan.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import type { ClientCredentials, EngineVersion } from '../inventory/engine-client.js';
import { checkConsulVersion } from './consul-version.js';
import { planEngineConfig } from './engine-config.js';
import { hasEnginePort } from '../inventory/machine-record.js';
import { managerPort } from '../inventory/remote-paths.js';
import type { LoginFacts, RootFacts } from '../ssh/facts.js';
import type { SignNodes } from '../certificates/issue-certificates.js';
import { issueCertificates } from '../certificates/issue-certificates.js';
import type { MachineNote, MachineSpec } from './machine-spec.js';
import {
  certificateReadPaths,
  checksummedPaths,
  desiredConfiguration,
  enabledLiveRestore,
} from './machine-spec.js';
import { desiredCertificates } from '../certificates/desired-certificates.js';
import { preflightCheck } from './packages.js';
import { planConfigure, planSetup } from './plan.js';
import type { ProvisionStep } from './plan.js';
import type { MachineProgress } from '../output/machine-progress.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import type { StepContext } from './run-step.js';
import { runStep, stepTitle } from './run-step.js';
import type { Upload } from '../bundle/runtime.js';
import {
  isPortFiltered,
  waitForEngine,
  waitForEngineSocket,
  waitForManager,
  waitForUnit,
} from './verify.js';

/*
 * Probe → plan → run, twice: first setup (uploads, packages), then configuration. Idempotent: a
 * machine that is up to date gets no change and no restart.
 */

export interface Uploads {
  readonly runtime: Upload;
  readonly app: Upload;
}

export interface ProvisionInput {
  readonly machine: RemoteMachine;
  readonly want: MachineSpec;
  readonly authority: UserAuthority;
  /** The CA of the cluster's Consul agents. */
  readonly consulAuthority?: KeyPair | undefined;
  /** The owner's certificate, for managers. */
  readonly credentials: ClientCredentials;
  /** The certificate for the machine's engine. */
  readonly engineCredentials: ClientCredentials;
  /**
   * Packs runtime and application for an architecture; throws `unsupported` if the runtime differs.
   */
  readonly uploadsFor: (arch: string) => Promise<Uploads>;
  readonly signNodes: SignNodes;
  /** Packs the binary of --consul-binary; undefined uses the machine's or its distribution's. */
  readonly consulFor?: ((arch: string) => Promise<Upload | undefined>) | undefined;
  readonly progress: MachineProgress;
  /** Renew all certificates except the cluster's intermediate CA. */
  readonly renew: boolean;
  /** Called once, before the first change. */
  readonly beforeChanges?: (() => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

function noteFrom(facts: RootFacts, name: string, added: boolean): MachineNote {
  let before = false;
  try {
    before = enabledLiveRestore(facts.machineNote, name);
  } catch {
    // A damaged note is replaced; at worst live-restore stays enabled after removal.
  }
  return { name, liveRestore: before || added };
}

async function probe(machine: RemoteMachine): Promise<RootFacts> {
  return machine.probeRoot(checksummedPaths, certificateReadPaths);
}

function checkLibc(name: string, login: LoginFacts): void {
  if (login.libc !== 'musl') return;
  throw new AppError('unsupported', `${name}: the C library is musl; shoal requires glibc`);
}

async function runSteps(
  input: ProvisionInput,
  context: StepContext,
  steps: readonly ProvisionStep[],
): Promise<void> {
  for (const step of steps) {
    input.progress.step(stepTitle(step, context), step.cause);
    await runStep(context, step);
  }
}

/** Uploads and package installation are independent and run concurrently. */
async function setUp(
  input: ProvisionInput,
  context: StepContext,
  steps: readonly ProvisionStep[],
): Promise<void> {
  const last = steps.filter((step) => step.kind === 'link');
  const first = steps.filter((step) => step.kind !== 'link');
  const results = await Promise.allSettled(
    first.map(async (step) => runSteps(input, context, [step])),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  await runSteps(input, context, last);
}

async function configure(
  input: ProvisionInput,
  context: StepContext,
  facts: RootFacts,
  programChanged: boolean,
): Promise<void> {
  const { machine, want, progress } = input;
  const { record } = want;
  const engine = planEngineConfig(
    {
      machine: record.Name,
      unit: facts.engineUnit,
      daemonJson: facts.daemonJson,
      swarm: facts.engineSwarm,
    },
    {
      port: hasEnginePort(record) ? record.Driver.EnginePort : undefined,
      options: record.HostOptions.EngineOptions,
    },
  );
  const now = new Date();
  const orders = planCertificates({
    wanted: desiredCertificates(want),
    seen: readCertificates(facts.certificates, input.authority.cert, input.consulAuthority?.cert),
    keys: facts.keys,
    nowMs: now.getTime(),
    renew: input.renew,
  });
  if (orders.length > 0) {
    const causes = [...new Set(orders.map(({ cause }) => cause))].join(', ');
    progress.step(`issuing certificates for ${orders.map(({ name }) => name).join(', ')}`, causes);
  }
  const { authority, consulAuthority, signNodes } = input;
  const names = orders.map(({ name }) => name);
  const signing = { authority, consulAuthority, signNodes };
  const issued = await issueCertificates({ machine, want, names, ...signing, now });
  const note = noteFrom(facts, record.Name, engine.daemonJson !== undefined);
  const wanted = desiredConfiguration(want, { engine, note, issued, programChanged });
  await runSteps(input, context, planConfigure(wanted, facts));
}

/** Where a firewall leaves SSH alone open, the manager is asked through SSH. */
async function verifyManager({
  want,
  machine,
  credentials,
  signal,
}: ProvisionInput): Promise<void> {
  const { record } = want;
  if (!(await isPortFiltered(record, managerPort))) {
    await waitForManager(record, credentials, signal);
    return;
  }
  const tunnel = await machine.session.tunnel(managerPort);
  try {
    await waitForManager(record, credentials, signal, tunnel.port);
  } finally {
    tunnel.close();
  }
}

async function verify(input: ProvisionInput): Promise<EngineVersion> {
  const { want, machine, engineCredentials, signal, progress } = input;
  const { record, membership } = want;
  progress.step('verifying that all services respond');
  const checks: Promise<unknown>[] = [];
  if (membership?.role === 'manager') {
    checks.push(
      waitForUnit(machine, 'shoal-manager', signal).then(async () => verifyManager(input)),
    );
  }
  if (membership !== undefined) checks.push(waitForUnit(machine, 'shoal-worker', signal));
  const isReachable =
    hasEnginePort(record) && !(await isPortFiltered(record, record.Driver.EnginePort));
  const answer = isReachable
    ? waitForEngine(record, engineCredentials, signal)
    : waitForEngineSocket(machine, signal);
  const [engine] = await Promise.all([answer, ...checks]);
  return engine;
}

/**
 * Brings a machine to its desired state, verifies its services and returns the engine's version.
 * Throws AppErrors whose message is a single line for the user.
 */
export async function provision(input: ProvisionInput): Promise<EngineVersion> {
  const { machine, want, progress } = input;
  const { Name: name, Driver: driver } = want.record;
  progress.step('probing the machine');
  const login = await machine.probeLogin();
  const manager = preflightCheck({ name, user: driver.SSHUser }, login, Date.now());
  checkLibc(name, login);
  const before = await probe(machine);
  progress.step('packing runtime and application');
  const uploads = await input.uploadsFor(login.arch);
  const withConsul = want.membership?.consulAgent !== undefined;
  const consul = withConsul ? await input.consulFor?.(login.arch) : undefined;
  const context: StepContext = {
    machine,
    ...uploads,
    consul,
    signal: input.signal,
    onOutput: (text) => {
      progress.output(text);
    },
  };
  const setup = planSetup(
    { machine: name, ...uploads, consul: withConsul ? (consul ?? 'package') : undefined },
    before,
    manager,
  );
  await input.beforeChanges?.();
  await setUp(input, context, setup);
  const isReplaced = setup.some(({ kind }) => kind === 'install' || kind === 'upload-consul');
  const facts = isReplaced ? await probe(machine) : before;
  const agent = want.membership?.consulAgent;
  if (agent !== undefined) checkConsulVersion(name, facts.consulVersion, agent);
  const programChanged = setup.some((step) => step.kind === 'link');
  await configure(input, context, facts, programChanged);
  return verify(input);
}
