import type { PluginCommandData } from "mcp-host";

/** `mcp-host logout <server>`: ends a sign-in, there and here. */
export default {
  meta: { name: "logout", description: "Sign the host out of a server" },
  args: {
    server: { type: "positional", description: "Its key in mcpServers" },
    principal: { type: "string", valueHint: "id", description: "Whose sign-in ends, where each client has one's own" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: { server: string; principal?: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    const { server, principal } = args;
    return operate(async (run) => {
      const { signedOut, problem } = (await run("logout", { server, ...(principal !== undefined && { principal }) })) as {
        signedOut: boolean;
        problem?: string;
      };
      if (args.json) process.stdout.write(`${JSON.stringify({ server, signedOut, ...(problem !== undefined && { problem }) })}\n`);
      else
        process.stderr.write(
          `${signedOut ? `signed out of ${server}` : `nobody was signed in to ${server}`}${problem === undefined ? "" : `; ${problem}`}\n`,
        );
      return 0;
    });
  },
};
