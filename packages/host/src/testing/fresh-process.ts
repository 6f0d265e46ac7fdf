import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { PluginEntry } from "./contract-host.ts";
import type { ContractRequest } from "./contract-upstream.ts";

/** What a fresh process is to do. */
export interface ContractTask {
  /** `import` the module alone; or a `life`: start a host with the plugin, send requests, close it. */
  readonly what: "import" | "life";
  /** The plugin's module, as an absolute path. */
  readonly file: string;
  readonly name: string;
  readonly options: unknown;
  readonly upstreams: readonly string[];
  readonly requests: readonly ContractRequest[];
  /** Entries of plugins that it needs. */
  readonly beside: readonly PluginEntry[];
}

/** The exit code of a process that has done its work: one that the plugin ended says something else. */
export const DONE = 42;

const FILE = fileURLToPath(new URL("./contract-process.js", import.meta.url));
/** Until a process that loops is killed; one that merely does not end says so by itself. */
const DEADLINE = 25_000;

/** Does a task in a fresh process; gives what is wrong with how it ended, or `""`. */
export function runFresh(task: ContractTask): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [FILE, JSON.stringify(task)], { timeout: DEADLINE, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const output = [stdout && `it printed to stdout: ${stdout}`, stderr && `it printed to stderr: ${stderr}`].filter(Boolean).join("\n");
      if (error?.killed) resolve(`it was killed after ${DEADLINE / 1_000} s\n${output}`);
      else if (output || error?.code === DONE) resolve(output);
      else resolve(error ? `it ended with code ${error.code}` : "it ended before its work was done");
    });
  });
}
