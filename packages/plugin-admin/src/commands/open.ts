import { openBrowser, type PluginCommandData } from "mcp-host";

interface Opened {
  readonly url: string;
  /** Seconds that it is good for. */
  readonly seconds?: number;
}

/** `mcp-host open`: the page on which the API of the running host can be tried and, with `--setup`, everything changed for ten minutes. */
export default {
  meta: { name: "open", description: "Open the page of the running host's admin API" },
  args: {
    setup: { type: "boolean", description: "Let the page change for ten minutes what starts programs, too" },
    browser: { type: "boolean", default: true, description: "Open it in the browser", negativeDescription: "Only print its address" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: { setup?: boolean; browser: boolean; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    return operate(async (run, { running }) => {
      if (!running)
        throw Object.assign(new Error("no host runs with this config; start it first, with `mcp-host start`"), { name: "NoHostError" }); // exit code 5
      const opened = (await run(args.setup ? "setup" : "page")) as unknown as Opened; // what the operations give
      if (args.json) process.stdout.write(`${JSON.stringify(opened, undefined, 2)}\n`);
      else process.stdout.write(`${opened.url}\n`);
      if (args.setup && !args.json)
        process.stderr.write(
          `Good once, in a browser of this machine, and then for ${Math.round((opened.seconds ?? 0) / 60)} minutes: whoever has this address may start any program.\n`,
        );
      if (args.browser && !args.json && !(await openBrowser(opened.url))) process.stderr.write("Open it in a browser of this machine.\n");
      return 0;
    });
  },
};
