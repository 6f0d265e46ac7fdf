import type { PluginCommandData } from "mcp-host";

interface Told {
  readonly receiver: string;
  readonly taken: boolean;
  readonly ms: number;
  readonly problem?: string;
}

/** `mcp-host alerts test [receiver]`; a command as citty has them. */
export default {
  meta: { name: "test", description: "Send receivers of alerts a test alert, and that it is over" },
  args: {
    receiver: { type: "positional", required: false, description: "The name of the only one that is told" },
    json: { type: "boolean", description: "Print JSON" },
  },
  async run({ args, data }: { args: { receiver?: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { operate } = data as PluginCommandData; // a command of a plugin is always given it
    return operate(async (run) => {
      const given = await run("test", args.receiver === undefined ? {} : { receiver: args.receiver });
      const { told } = given as unknown as { told: Told[] }; // as the operation gives it
      process.stdout.write(args.json ? `${JSON.stringify(given, undefined, 2)}\n` : told.map(described).join(""));
      return told.every(({ taken }) => taken) ? 0 : 1;
    });
  },
};

const described = ({ receiver, taken, ms, problem }: Told): string =>
  taken ? `${receiver}: took it within ${ms} ms\n` : `${receiver}: did not take it: ${problem}\n`;
