import { createInterface } from "node:readline";
import type { PluginCommandData } from "mcp-host";
import { openBrowser } from "../browser.ts";
import type { Surveyed } from "../survey.ts";

interface Begun {
  readonly id: string;
  readonly url: string;
  readonly redirectUri: string;
  readonly issuer: string;
  readonly kept: "memory" | "secret store";
}

interface Outcome {
  readonly state: "waiting" | "done" | "failed";
  readonly message: string;
}

interface Flags {
  server?: string;
  all?: boolean;
  browser: boolean;
  json?: boolean;
}

type Operate = PluginCommandData["operate"];
type Run = Parameters<Parameters<Operate>[0]>[0];

/** `mcp-host login <server>`: the host's own sign-in at a server, or at each that wants one, in a browser of this machine or of another. */
export default {
  meta: { name: "login", description: "Sign the host in to a server" },
  args: {
    server: { type: "positional", required: false, description: "Its key in mcpServers" },
    all: { type: "boolean", description: "Sign in to each server that wants it, one after another" },
    browser: { type: "boolean", default: true, description: "Open the page in the browser", negativeDescription: "Only print its address" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: Flags; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    if (args.all === true && args.server !== undefined) throw new Error("say which server, or --all, and not both");
    return operate(async (run, { running }) => {
      if (args.server !== undefined) return (await signIn(run, running, args, args.server)) ? 0 : 1;
      const { servers } = (await run("survey")) as unknown as { servers: Surveyed[] }; // what the operation gives
      const wanting = servers.filter(({ state }) => state === "needs sign-in" || state === "needs more scope");
      const names = wanting.map(({ server }) => server);
      if (args.all !== true)
        throw new Error(
          `which server? ${names.length === 0 ? "None wants a sign-in now" : `These want a sign-in: ${names.join(", ")}; name one, or say --all`}`,
        );
      let isWell = true;
      for (const [index, server] of names.entries()) {
        if (!args.json && names.length > 1) process.stderr.write(`${index === 0 ? "" : "\n"}${index + 1} of ${names.length}: `);
        try {
          isWell = (await signIn(run, running, args, server)) && isWell;
        } catch (error) {
          // The others may go well.
          isWell = false;
          tellOf(args, server, { state: "failed", message: `${server}: ${error instanceof Error ? error.message : String(error)}` });
        }
      }
      for (const { server, state, why = "" } of servers)
        if (state === "unknown" || state === "stopped") {
          isWell = false;
          tellOf(args, server, { state: "failed", message: `${server} could not be asked: ${why}` });
        }
      if (!args.json && names.length === 0) process.stderr.write("No server wants a sign-in.\n");
      return isWell ? 0 : 1;
    });
  },
};

/** Has a person sign in to one server; gives whether that went well. */
async function signIn(run: Run, running: boolean, args: Flags, server: string): Promise<boolean> {
  const begun = (await run("begin", { server })) as unknown as Begun; // what the operation gives
  if (!running && begun.kept === "memory") {
    await run("cancel", { id: begun.id });
    throw new Error(
      "no host runs with this config, and a sign-in would end with this command; start the host first, or have @host/plugin-vault keep it",
    );
  }
  tellPage(args, server, begun);
  if (args.browser && !(await openBrowser(begun.url))) process.stderr.write("There is no browser here to open it with.\n");
  const pasted = createInterface({ input: process.stdin });
  pasted.on("line", (line) => {
    if (!/^https?:/.test(line.trim())) return;
    run("finish", { id: begun.id, url: line.trim() }).catch((error: Error) => process.stderr.write(`${error.message}\n`));
  });
  try {
    let outcome: Outcome;
    do
      outcome = (await run("wait", { id: begun.id })) as unknown as Outcome; // as above
    while (outcome.state === "waiting");
    tellOf(args, server, outcome);
    return outcome.state === "done";
  } finally {
    pasted.close();
  }
}

function tellOf({ json }: Flags, server: string, outcome: Outcome): void {
  if (json) process.stdout.write(`${JSON.stringify({ server, ...outcome })}\n`);
  else process.stderr.write(`${outcome.message}\n`);
}

function tellPage({ json }: Flags, server: string, { url, redirectUri, issuer }: Begun): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ server, state: "open", url, redirectUri, issuer })}\n`);
    return;
  }
  process.stderr.write(`To sign in to ${server} at ${new URL(issuer).host}, open this page:\n\n`);
  process.stdout.write(`${url}\n`);
  process.stderr.write(`\nFrom a browser of another machine, paste here the address that it ends at (${redirectUri}?...).\n`);
}
