import { AsyncLocalStorage } from "node:async_hooks";
import { connect } from "node:net";
import { resolve } from "node:path";
import { configsIn } from "../config/locate.ts";
import type { ReloadReport } from "../host/reload.ts";
import type { Json } from "../wire/message.ts";
import {
  CONTROL_DEADLINE,
  type ControlAnswer,
  type ControlRequest,
  type ControlStatus,
  type Invocation,
  OPERATION_DEADLINE,
  type OwnResults,
  REQUEST_BYTES,
} from "./control-protocol.ts";
import { controlAddress, runningHosts } from "./control-socket.ts";

/** Which host a command of a plugin means that does not say. */
const usual = new AsyncLocalStorage<HostChoice>();

const ANSWER_BYTES = 64 * 1024 * 1024;

/** Which of this user's running hosts is meant. */
export interface HostChoice {
  /** The one with this process id. */
  pid?: number | undefined;
  /** The one that was started with this config file; a relative path is resolved against the working directory. */
  config?: string | undefined;
}

/** No running host was found, or several and none was chosen: exit code 5. */
export class NoHostError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NoHostError";
  }
}

/** The status of every running host of this user that the choice fits; one that does not answer is left out. */
export async function findHosts({ pid, config }: HostChoice = {}): Promise<ControlStatus[]> {
  const answers = await Promise.all(runningHosts().map((each) => askStatus(each).catch(() => undefined)));
  return answers.filter(
    (status) =>
      status !== undefined && (pid === undefined || status.pid === pid) && (config === undefined || status.config === resolve(config)),
  ) as ControlStatus[]; // those that are undefined are gone
}

/** What one running host's own operation gives. @throws Error when it does not answer in time, or when it failed */
async function askOwn<Name extends keyof OwnResults>(
  pid: number,
  command: Name,
  deadline: number,
  params: Readonly<Json> = {},
): Promise<OwnResults[Name]> {
  return (await askHost(pid, { command, params }, deadline)) as unknown as OwnResults[Name]; // a host of this user's made it
}

/** Asks one running host for its status. @throws Error when it does not answer in time */
export async function askStatus(pid: number): Promise<ControlStatus> {
  return askOwn(pid, "status", CONTROL_DEADLINE);
}

/** Asks one running host for a page of what it offers (the operation `catalog`). @throws Error when it does not answer in time */
export async function askCatalog(pid: number, params: Readonly<Json>): Promise<Json> {
  return askHost(pid, { command: "catalog", params }, CONTROL_DEADLINE);
}

/**
 * Has a running host of this user do what a plugin offers to operators (`host.operation`). For the commands of plugins.
 * @param choice needed where several hosts run. Default: in a command of a plugin the host with the config that `--config` names
 * @returns what the operation gave
 * @throws Error where no host runs or several do and none was chosen, where the operation failed, or where it took longer than 30 s
 */
export async function callRunningHost(plugin: string, name: string, params: Readonly<Json> = {}, choice: HostChoice = {}): Promise<Json> {
  const request: ControlRequest = { command: `${plugin}:${name}`, params };
  if (Buffer.byteLength(JSON.stringify(request)) >= REQUEST_BYTES)
    throw new Error(`operation "${name}" of plugin "${plugin}" was given more than ${REQUEST_BYTES} bytes`);
  const isOpen = choice.pid === undefined && choice.config === undefined;
  const { pid } = await findHost(isOpen ? usual.getStore() : choice);
  return askHost(pid, request, OPERATION_DEADLINE + CONTROL_DEADLINE);
}

/** Does some work in which {@link callRunningHost} means this host where nothing else is said. */
export function choosing<T>(choice: HostChoice, work: () => T): T {
  return usual.run(choice, work);
}

/** Has a running host of this user read its config again. @throws Error with what is wrong with the config, or as `callRunningHost` */
export async function askToReload(choice: HostChoice): Promise<ReloadReport> {
  const { pid } = await findHost(choice);
  return askOwn(pid, "reload", OPERATION_DEADLINE + CONTROL_DEADLINE);
}

/** What became of a reload of one running host. */
export interface Reloaded {
  readonly pid: number;
  /** What changed, or why the host goes on with what it had. */
  readonly outcome: ReloadReport | Error;
}

/**
 * Has every running host of this user that was started with a config file read it again: for commands that have changed the file, or one
 * that it names. Where none runs there is nothing to do.
 */
export async function reloadRunningHosts(config: string): Promise<readonly Reloaded[]> {
  const hosts = await findHosts({ config });
  return Promise.all(
    hosts.map(async ({ pid }) => ({
      pid,
      outcome: await askToReload({ pid }).catch((error: unknown) => error as Error), // it throws Errors
    })),
  );
}

/** Has a running host end one server's connections and connect anew. @throws Error with the reason where it does not come up */
export async function askToReconnect(pid: number, upstream: string): Promise<void> {
  await askOwn(pid, "reconnect", OPERATION_DEADLINE + CONTROL_DEADLINE, { upstream });
}

/** Takes a running host out of what a load balancer sends to, or back into it. */
export async function askToDrain(pid: number, draining: boolean): Promise<void> {
  await askOwn(pid, draining ? "drain" : "resume", CONTROL_DEADLINE);
}

/** The one running host that is meant. @throws NoHostError where none runs, or several do and none was chosen */
export async function findHost(choice: HostChoice = {}): Promise<ControlStatus> {
  return chooseHost(await findHosts(choice), choice);
}

/** Those of the config in the working directory, where nothing was chosen and there are any; else all. */
export function nearHosts(hosts: readonly ControlStatus[], { pid, config: chosen }: HostChoice): readonly ControlStatus[] {
  const here = pid === undefined && chosen === undefined ? configsIn(process.cwd()) : [];
  const own = hosts.filter(({ config }) => here.includes(config));
  return own.length > 0 ? own : hosts;
}

/**
 * The host that is meant among those that fit the choice. Without a choice the config in the working directory makes it.
 * @param further another way to choose @throws NoHostError where there is none, or several
 */
export function chooseHost(hosts: readonly ControlStatus[], choice: HostChoice, further = ""): ControlStatus {
  const isOpen = choice.pid === undefined && choice.config === undefined;
  const here = isOpen ? configsIn(process.cwd()) : [];
  const own = hosts.filter(({ config }) => here.includes(config));
  const [host, ...others] = own.length > 0 ? own : hosts;
  if (!host) {
    const which = isOpen ? "" : " with this --config or --pid";
    throw new NoHostError(`no host of this user is running${which}; start one with \`mcp-host start\``);
  }
  if (others.length > 0 || (here.length > 0 && own.length === 0)) {
    const what = others.length > 0 ? "several hosts are running" : "the host that runs has another config than the one here";
    const choices = [host, ...others].map(({ pid, mode, url, config }) => `  --pid ${pid}  ${url ?? mode}  ${config}`);
    throw new NoHostError(`${what}; choose ${others.length > 0 ? "one" : "it"} with --pid or --config${further}\n${choices.join("\n")}`);
  }
  return host;
}

/** Has a running host end as SIGTERM ends it. @returns how long its calls in flight may take, in milliseconds @throws Error when it does not answer in time */
export async function askToStop(pid: number): Promise<number> {
  return (await askOwn(pid, "stop", CONTROL_DEADLINE)).drain;
}

/** Asks one running host how it was started. @throws Error when it does not answer in time */
export function askInvocation(pid: number): Promise<Invocation> {
  return askOwn(pid, "invocation", CONTROL_DEADLINE);
}

/** One question to a running host and its answer. @param deadline milliseconds of silence @throws Error when there is none, or when it is an error */
function askHost(pid: number, request: ControlRequest, deadline: number): Promise<Json> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlAddress(pid));
    let text = "";
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(`the host with pid ${pid} ${reason}`));
    };
    socket.setEncoding("utf8");
    socket.setTimeout(deadline, () => fail(`did not answer within ${deadline} ms`));
    socket.on("error", (error) => fail(`cannot be asked: ${error.message}`));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_BYTES) fail("answers without an end");
    });
    socket.on("end", () => {
      let answer: ControlAnswer;
      try {
        answer = JSON.parse(text) as ControlAnswer; // a host of this user's wrote it
      } catch {
        return fail("gave an answer that is not JSON");
      }
      if ("error" in answer) fail(`refused: ${answer.error}`);
      else resolve(answer.result);
    });
  });
}
