import { createInterface } from "node:readline";
import type { PluginCommandData } from "mcp-host";
import { openBrowser } from "../browser.ts";

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

/** `mcp-host login <server>`: the host's own sign-in at a server, in a browser of this machine or of another. */
export default {
  meta: { name: "login", description: "Sign the host in to a server" },
  args: {
    server: { type: "positional", description: "Its key in mcpServers" },
    browser: { type: "boolean", default: true, description: "Open the page in the browser", negativeDescription: "Only print its address" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: { server: string; browser: boolean; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    return operate(async (run, { running }) => {
      const begun = (await run("begin", { server: args.server })) as unknown as Begun; // what the operation gives
      if (!running && begun.kept === "memory") {
        await run("cancel", { id: begun.id });
        throw new Error(
          "no host runs with this config, and a sign-in would end with this command; start the host first, or have @host/plugin-vault keep it",
        );
      }
      tell(args, begun);
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
        if (args.json) process.stdout.write(`${JSON.stringify({ server: args.server, ...outcome })}\n`);
        else process.stderr.write(`${outcome.message}\n`);
        return outcome.state === "done" ? 0 : 1;
      } finally {
        pasted.close();
      }
    });
  },
};

function tell({ server, json }: { server: string; json?: boolean }, { url, redirectUri, issuer }: Begun): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ server, state: "open", url, redirectUri, issuer })}\n`);
    return;
  }
  process.stderr.write(`To sign in to ${server} at ${new URL(issuer).host}, open this page:\n\n`);
  process.stdout.write(`${url}\n`);
  process.stderr.write(`\nFrom a browser of another machine, paste here the address that it ends at (${redirectUri}?...).\n`);
}
