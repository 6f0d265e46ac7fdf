import { callRunningHost } from "mcp-host";

/** `mcp-host board note <text>` */
export default {
  meta: { name: "note", description: "Put a note on the board of the running host" },
  args: { text: { type: "positional", description: "What it says", required: true }, pid: { type: "string", description: "Which host" } },
  async run({ args: { text, pid } }: { args: { text: string; pid?: string } }): Promise<void> {
    console.log(JSON.stringify(await callRunningHost("board", "note", { text }, pid === undefined ? {} : { pid: Number(pid) })));
  },
};
