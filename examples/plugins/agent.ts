import { type ChildProcess, spawn } from "node:child_process";
import { definePlugin, defineTool, refuse, withDeadline } from "mcp-host";
import { z } from "zod";

/** Milliseconds that an agent has to end by itself once it is told to. */
const GRACE = 2_000;

/** Ends a process with all that it has started. */
function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {} // it is gone
}

/**
 * A tool `agent` that runs a command-line agent: `{ "command": "claude", "args": ["-p"], "env": { "ANTHROPIC_API_KEY": "${KEY}" } }`. The task goes to its
 * standard input, never into the command line; what it says comes back as progress, and all of it, up to `most` characters, as the result.
 * It runs in the config's folder, in a process group of its own, with nothing of the host's environment but `PATH` and `HOME`, for `seconds` at
 * most. The group is ended when the call is cancelled or out of time, when the plugin goes and when the host ends.
 */
export default definePlugin({
  name: "agent",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    command: z.string().min(1),
    args: z.array(z.string()).default([]),
    env: z.record(z.string(), z.string()).default({}),
    seconds: z.number().positive().max(590).default(300), // the host ends any call after 600
    most: z.int().positive().default(100_000),
    atOnce: z.int().positive().default(2),
  }),
  apply(host, { command, args, env, seconds, most, atOnce }) {
    const inherited = { PATH: process.env.PATH, HOME: process.env.HOME };
    const running = new Map<ChildProcess, Promise<string>>();
    const killAll = (): void => running.forEach((_, child) => void end(child, "SIGKILL"));
    const agent = defineTool({
      description: "Gives a task to an agent, which works on it by itself and answers in the end. Say all that it has to know.",
      input: z.object({ task: z.string().min(1).max(100_000) }),
      async call({ task }, { signal, progress }) {
        if (running.size >= atOnce) throw refuse("overloaded", `${atOnce} agents are at work; try again later`, { retryAfterMs: 10_000 });
        const child = spawn(command, args, { cwd: host.folder, env: { ...inherited, ...env }, detached: true });
        const over = new Promise<string>(
          (done) => void child.on("error", (error) => done(`${error}`)).on("close", (code) => done(`${code}`)),
        );
        running.set(child, over);
        let [text, step] = ["", 0];
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk.slice(0, most - text.length);
            progress(++step, undefined, chunk.trim().slice(-200));
          });
        child.stdin.on("error", () => {}).end(task); // it may have ended without reading
        const stop = (): void => {
          if (running.has(child)) end(child, "SIGTERM");
          host.clock.setTimeout(() => running.has(child) && end(child, "SIGKILL"), GRACE);
        };
        signal.addEventListener("abort", stop);
        const quiet = host.clock.setInterval(() => progress(++step, undefined, "at work"), 20_000); // silence ends a call
        const late = host.clock.monotonic() + seconds * 1_000;
        const timer = host.clock.setTimeout(stop, seconds * 1_000);
        const code = await over;
        end(child, "SIGKILL"); // what it left behind
        for (const ended of [quiet, timer, () => signal.removeEventListener("abort", stop), () => running.delete(child)]) ended();
        if (text.length >= most) text += "\n[the rest was cut off]";
        const why = host.clock.monotonic() >= late ? `[it took longer than ${seconds} s]` : code === "0" ? "" : `[it ended with ${code}]`;
        return { content: [{ type: "text", text: [text, why].filter(Boolean).join("\n") }], isError: why !== "" };
      },
    });
    host.offer({ tools: { agent } });
    host.hooks.ready.tap("agent", () => void process.on("exit", killAll));
    host.hooks.close.tap("agent", async () => {
      for (const child of running.keys()) end(child, "SIGTERM");
      await withDeadline(Promise.all(running.values()), GRACE, killAll);
      process.off("exit", killAll);
    });
  },
});
