import { createInterface } from "node:readline";
import { openBrowser, type PluginCommandData } from "mcp-host";

import type { DeviceCode } from "../device.ts";
import type { Surveyed } from "../survey.ts";

interface Kept {
  readonly id: string;
  readonly kept: "memory" | "secret store";
}

interface Begun extends Kept {
  readonly url: string;
  readonly redirectUri: string;
  readonly issuer: string;
  readonly takesCodes: boolean;
}

type ByCode = Kept & DeviceCode;

interface Outcome {
  readonly state: "waiting" | "done" | "failed";
  readonly message: string;
}

interface Flags {
  readonly server?: string;
  readonly all?: boolean;
  readonly browser: boolean;
  readonly device?: boolean;
  readonly json?: boolean;
}

type Args = Flags & { readonly server: string };
type Run = Parameters<Parameters<PluginCommandData["operate"]>[0]>[0];

const MINUTE = 60_000;

/** `mcp-host login <server>`: the host's own sign-in at a server, or at each that wants one, in a browser of this machine or of another. */
export default {
  meta: { name: "login", description: "Sign the host in to a server" },
  args: {
    server: { type: "positional", required: false, description: "Its key in mcpServers" },
    all: { type: "boolean", description: "Sign in to each server that wants it, one after another" },
    browser: { type: "boolean", default: true, description: "Open the page in the browser", negativeDescription: "Only print its address" },
    device: { type: "boolean", description: "Print a code to enter in a browser of another machine" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: Flags; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    const { server, all } = args;
    if (all === true && server !== undefined) throw new Error("say which server, or --all, and not both");
    return operate((run, { running }) =>
      server === undefined ? signInToAll(args, run, running) : signIn({ ...args, server }, run, running),
    );
  },
};

/** Goes through the servers that want a sign-in. Gives the exit code: what failed is told, and the others may go well. */
async function signInToAll(args: Flags, run: Run, running: boolean): Promise<number> {
  const { servers } = (await run("survey")) as unknown as { servers: Surveyed[] }; // what the operation gives
  const names = servers.flatMap(({ server, state }) => (state === "needs sign-in" || state === "needs more scope" ? [server] : []));
  if (args.all !== true)
    throw new Error(
      `which server? ${names.length === 0 ? "None wants a sign-in now" : `These want a sign-in: ${names.join(", ")}; name one, or say --all`}`,
    );
  let code = 0;
  for (const [index, server] of names.entries()) {
    if (!args.json && names.length > 1) process.stderr.write(`${index === 0 ? "" : "\n"}${index + 1} of ${names.length}: `);
    try {
      code = (await signIn({ ...args, server }, run, running)) || code;
    } catch (error) {
      code = 1;
      tellOutcome(args, server, { state: "failed", message: `${server}: ${error instanceof Error ? error.message : String(error)}` });
    }
    if (code >= 128) return code; // a signal
  }
  for (const { server, state, why = "" } of servers)
    if (state === "unknown" || state === "stopped") {
      code = 1;
      tellOutcome(args, server, { state: "failed", message: `${server} could not be asked: ${why}` });
    }
  if (!args.json && names.length === 0) process.stderr.write("No server wants a sign-in.\n");
  return code;
}

/** Has a person sign in to one server; gives the exit code. */
async function signIn(args: Args, run: Run, running: boolean): Promise<number> {
  const begin = async <T extends Kept>(operation: string): Promise<T> => {
    const begun = (await run(operation, { server: args.server })) as unknown as T; // what the operation gives
    if (running || begun.kept !== "memory") return begun;
    await run("cancel", { id: begun.id });
    throw new Error(
      "no host runs with this config, and a sign-in would end with this command; start the host first, or have @host/plugin-vault keep it",
    );
  };
  if (args.device) return ended(args, run, await byCode(args, begin), running);
  const begun = await begin<Begun>("begin");
  const isOpen = args.browser && (await openBrowser(begun.url));
  // Nobody could paste anything here, either.
  if (args.browser && !isOpen && begun.takesCodes && !process.stdin.isTTY) {
    await run("cancel", { id: begun.id });
    return ended(args, run, await byCode(args, begin), running);
  }
  tell(args, begun, isOpen);
  const pasted = createInterface({ input: process.stdin });
  pasted.on("line", (line) => {
    if (!/^https?:/.test(line.trim())) return;
    run("finish", { id: begun.id, url: line.trim() }).catch((error: Error) => process.stderr.write(`${error.message}\n`));
  });
  try {
    return await ended(args, run, begun.id, running);
  } finally {
    pasted.close();
  }
}

/** Waits for the end of a sign-in, and gives the exit code. What ends the command gives the sign-in up. */
async function ended(args: Args, run: Run, id: string, running: boolean): Promise<number> {
  let signal = 0;
  const giveUp = (_: string, number: number): void => {
    if (signal > 0) process.exit(128 + signal);
    signal = number;
    run("cancel", { id }).catch(() => process.exit(128 + number)); // there is no host any more to give up
  };
  const signals = running ? (["SIGINT", "SIGTERM", "SIGHUP"] as const) : []; // a host of the command's own ends with it
  for (const each of signals) process.on(each, giveUp);
  try {
    let outcome: Outcome;
    do
      outcome = (await run("wait", { id })) as unknown as Outcome; // what the operation gives
    while (outcome.state === "waiting");
    tellOutcome(args, args.server, outcome);
    return signal > 0 ? 128 + signal : outcome.state === "done" ? 0 : 1;
  } finally {
    for (const each of signals) process.off(each, giveUp);
  }
}

function tellOutcome({ json }: Flags, server: string, outcome: Outcome): void {
  if (json) process.stdout.write(`${JSON.stringify({ server, ...outcome })}\n`);
  else process.stderr.write(`${outcome.message}\n`);
}

function tell({ server, json, browser }: Args, { url, redirectUri, issuer, takesCodes }: Begun, isOpen: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ server, state: "open", url, redirectUri, issuer })}\n`);
    return;
  }
  process.stderr.write(`To sign in to ${server} at ${new URL(issuer).host}, open this page:\n\n`);
  process.stdout.write(`${url}\n`);
  process.stderr.write(`\nFrom a browser of another machine, paste here the address that it ends at (${redirectUri}?...).\n`);
  if (takesCodes && !isOpen)
    process.stderr.write(
      `Or end this, and run \`mcp-host login ${server} --device\`: that gives a code to enter in a browser of any machine.\n`,
    );
  if (browser && !isOpen) process.stderr.write("There is no browser here to open it with.\n");
}

/** Prints a code and where to enter it. */
async function byCode({ server, json }: Args, begin: (operation: string) => Promise<ByCode>): Promise<string> {
  const { id, verificationUri, verificationUriComplete, userCode, expiresIn, issuer } = await begin("begin-by-code");
  if (json) {
    const told = {
      verificationUri,
      ...(verificationUriComplete !== undefined && { verificationUriComplete }),
      userCode,
      expiresIn,
      issuer,
    };
    process.stdout.write(`${JSON.stringify({ server, state: "open", ...told })}\n`);
    return id;
  }
  process.stderr.write(`To sign in to ${server} at ${new URL(issuer).host}, open this page in a browser of any machine:\n\n`);
  process.stdout.write(`${verificationUri}\n`);
  process.stderr.write("\nand enter this code:\n\n");
  process.stdout.write(`${userCode}\n`);
  process.stderr.write(
    `\n${verificationUriComplete === undefined ? "" : `This page has the code in it already: ${verificationUriComplete}\n`}The code is good for ${Math.ceil(expiresIn / MINUTE)} minutes.\n`,
  );
  return id;
}
