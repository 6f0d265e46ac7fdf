/** Every exit code of `mcp-host`, with its meaning; `docs/cli.md` shows this table and a test holds the two together. */
export const EXIT = {
  ok: { code: 0, meaning: "Done." },
  failure: { code: 1, meaning: "It ran and the answer is no: a required upstream is down, a tool's result is an error, something failed." },
  usage: { code: 2, meaning: "The command line is wrong: an unknown command or flag, a missing or bad value." },
  config: { code: 3, meaning: "The config cannot be used: not found, not readable, or wrong. Every problem is listed with its place." },
  protocol: { code: 4, meaning: "A request was answered with a JSON-RPC error, such as an unknown tool." },
  notRunning: { code: 5, meaning: "No running host was found, or several and none was chosen." },
  hangup: { code: 129, meaning: "SIGHUP ended a command, or a second one a running host at once." },
  interrupted: { code: 130, meaning: "SIGINT (Ctrl-C) ended a command, or a second one a running host at once." },
  terminated: { code: 143, meaning: "SIGTERM ended a command, or a second one a running host at once." },
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]["code"];
