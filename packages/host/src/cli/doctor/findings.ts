import { docsPage } from "../../config/documentation.ts";
import { redactText } from "../../redact.ts";
import { asTyped } from "../command-line/typed-command.ts";

export type Level = "ok" | "warning" | "problem";

/** What a kind of finding means and what helps, for docs/troubleshooting.md. */
interface Kind {
  readonly level: Level;
  readonly meaning: string;
  readonly remedy: string;
}

/** Every kind of finding, by its id. Ids are stable: scripts may rely on them. */
export const FINDINGS = {
  node: { level: "ok", meaning: "The version of Node.js is one that the host runs on.", remedy: "" },
  "node-old": {
    level: "problem",
    meaning: "Node.js is older than the host needs, so it may fail anywhere.",
    remedy: "Install a newer Node.js, and see with `node --version` that it is the one on PATH.",
  },
  config: { level: "ok", meaning: "The config was found, can be read and is valid.", remedy: "" },
  "config-missing": {
    level: "problem",
    meaning: "No config was found: the named file does not exist, or there is none in the working directory, or there are several.",
    remedy: "Write `mcp-host.config.json`, go to the folder that holds it, or name it with `--config`.",
  },
  "config-untrusted": {
    level: "problem",
    meaning:
      "The config of the working directory is code, which runs when it is read, and nobody has said that it may, or not since it changed.",
    remedy: "Read it; then run `mcp-host trust`, or name it with `--config`.",
  },
  "config-invalid": {
    level: "problem",
    meaning: "Something in the config is wrong; the finding has the place. There is one finding for each mistake.",
    remedy: "Correct the place that is named; [config.md](config.md) has every key.",
  },
  "config-advice": {
    level: "warning",
    meaning: "Something in the config is allowed and yet unwise, such as a secret among the arguments of a command.",
    remedy: "Do what the finding says.",
  },
  permissions: {
    level: "problem",
    meaning:
      "Others may write the config, which decides what commands are run, a plugin, or the folder of either, or read the credentials file.",
    remedy: "Run the `chmod` that the finding names.",
  },
  "variable-missing": {
    level: "problem",
    meaning:
      "The config refers to a variable that nobody set. In the entry of a server that is not `required` it stops that server alone. A desktop client starts the host without the variables of your shell.",
    remedy: "Put it into the credentials file, set it in the environment, give a default (`${NAME:-value}`), or pass `--set NAME=value`.",
  },
  exposed: {
    level: "problem",
    meaning:
      "Other machines reach the host (`listen.host`, or by a name in `listen.hosts`) and no auth plugin is loaded, so it refuses to start.",
    remedy: "Add an auth plugin, listen on 127.0.0.1 without such names, or pass `--insecure-no-auth`.",
  },
  credentials: { level: "ok", meaning: "The credentials file can be used, or there is none.", remedy: "" },
  "credentials-invalid": {
    level: "problem",
    meaning: "The credentials file cannot be read, or is no JSON object of names and texts.",
    remedy: "Correct it; [config.md](config.md#secrets) shows its form.",
  },
  plugin: { level: "ok", meaning: "The plugin was loaded and its options are valid.", remedy: "" },
  "plugin-broken": {
    level: "problem",
    meaning: "A plugin is not installed, cannot be loaded, needs another host, or refuses its options.",
    remedy: "Do what the finding says; the page of the plugin has its options.",
  },
  "plugin-idle": {
    level: "warning",
    meaning: "A plugin was loaded, taps no hook and has nothing else for anybody, so it does nothing.",
    remedy: "Check its options, update it, or take it out of the config.",
  },
  "plugin-state": { level: "ok", meaning: "What a plugin keeps or needs elsewhere is as it should be.", remedy: "" },
  "plugin-advice": {
    level: "warning",
    meaning: "What a plugin keeps or needs elsewhere can be used, and is yet not as it should be.",
    remedy: "Do what the finding says; the page of the plugin has more.",
  },
  "plugin-trouble": {
    level: "problem",
    meaning: "What a plugin keeps or needs elsewhere, such as a vault and its key, cannot be used. The host starts all the same.",
    remedy: "Do what the finding says; the page of the plugin has more.",
  },
  command: { level: "ok", meaning: "The command of a stdio server was found where its process will look for it.", remedy: "" },
  "command-missing": {
    level: "problem",
    meaning:
      "There is no such command on the PATH that the server's process gets, or no such file. The PATH of a desktop client is often shorter than that of your shell.",
    remedy: "Install the command, write its absolute path into `command`, or add its folder to `env.PATH` of the server.",
  },
  "command-blocked": {
    level: "problem",
    meaning: "The file of a command is there and may not be executed.",
    remedy: "Run `chmod +x` on it, or name the program that runs it as `command`.",
  },
  "cwd-missing": {
    level: "problem",
    meaning: "The folder that a stdio server should start in is not there.",
    remedy: "Make it, or correct `cwd` of the server; it begins at the config's folder.",
  },
  port: { level: "ok", meaning: "The port is free, or the running host with this config has it.", remedy: "" },
  "local-roles": {
    level: "ok",
    meaning:
      "An auth plugin gives clients roles, and whoever comes over stdio or by a command (`list`, `call`) has none: it may be shown less than they are.",
    remedy: "Give the `local` principal some with `roles` in the config, if it should have them.",
  },
  "port-taken": {
    level: "problem",
    meaning: "Another program listens on the port. It is a warning where the config has no `listen`, since `start stdio` needs no port.",
    remedy: "Stop that program, or choose another port with `listen.port` or `--port`; 0 takes any free one.",
  },
  "address-unusable": {
    level: "problem",
    meaning: "The host may not listen on this address: it is not one of this machine, or the port is reserved.",
    remedy: "Correct `listen.host`, or choose a port above 1023.",
  },
  server: { level: "ok", meaning: "The server was started or reached, and has been listed.", remedy: "" },
  "server-both-eras": {
    level: "ok",
    meaning:
      "A stdio server speaks MCP 2026-07-28, too, and the host speaks an older version with it, since servers have been seen to end at a message that they do not know.",
    remedy:
      'Set `"protocol": "modern"` for it: then what it asks comes with the answer to a call, and every client that shares its process can be asked. Older versions leave open on a pipe whose call a question belongs to.',
  },
  "server-down": {
    level: "problem",
    meaning: "A server could not be started, reached or listed. The finding has the reason and the last lines of its standard error.",
    remedy: "Run its command by hand, or open its `url`; give it more time with `startTimeout` if it is slow.",
  },
  "server-unauthorized": {
    level: "problem",
    meaning: "A server refuses the credentials that the host has for it.",
    remedy:
      "Renew them in `headers` of the server or where its variables come from; see [config.md](config.md#secrets). Where somebody has to sign in, add @host/plugin-oauth.",
  },
  "server-sign-in": {
    level: "problem",
    meaning: "Somebody has to sign in to a server before it can be used; it is not tried again until then.",
    remedy: "Run the command that the finding names, or have the client's person open the page that a call gives.",
  },
  "server-incomplete": {
    level: "warning",
    meaning: "A server works, and one of its lists could not be read or is longer than the host's limits allow.",
    remedy:
      "What it did list can be used, and a list that failed is read again by itself. Tell whoever makes the server, or raise the limit that is named.",
  },
  "server-unchecked": {
    level: "warning",
    meaning: "Servers were not started, because something else is wrong already.",
    remedy: "Correct the other problems first.",
  },
  "host-running": { level: "ok", meaning: "A host of this user runs.", remedy: "" },
  "host-silent": {
    level: "warning",
    meaning: "A process has a control socket and does not answer: it is stopped, busy, or not a host any more.",
    remedy: "Look at the process; end it with `kill` if it hangs.",
  },
  "socket-stale": {
    level: "warning",
    meaning: "A host ended without removing its control socket: it was killed or crashed. The socket has been removed now.",
    remedy: "Nothing is left to do; the log of that host may say why it ended.",
  },
  "socket-folder": {
    level: "problem",
    meaning: "The folder of the control sockets cannot be used, so `status` and `logs` find no host.",
    remedy: "Remove what is in its place, or set XDG_RUNTIME_DIR to a folder of yours.",
  },
} as const satisfies Record<string, Kind>;

export type FindingId = keyof typeof FINDINGS;

/** One thing that was looked at. */
export interface Finding {
  readonly id: FindingId;
  readonly level: Level;
  /** Which server, plugin or process it is about. */
  readonly about?: string;
  /** What was found, without secrets. */
  readonly found: string;
  /** What to do, unless all is well. */
  readonly remedy?: string;
}

/** A finding of a kind. @param more whom it is about, a remedy that fits better than that of the kind, another level */
export function finding(id: FindingId, found: string, more: { about?: string; remedy?: string | undefined; level?: Level } = {}): Finding {
  const kind: Kind = FINDINGS[id];
  const remedy = more.remedy ?? inWords(kind.remedy);
  return {
    id,
    level: more.level ?? kind.level,
    ...(more.about !== undefined && { about: more.about }),
    found: redactText(asTyped(found)),
    ...(remedy !== "" && { remedy: redactText(asTyped(remedy)) }),
  };
}

/** A finding for a problem in words of the form "what is wrong; what to do". */
export function told(id: FindingId, problem: string, more: { about?: string; level?: Level } = {}): Finding {
  const at = problem.lastIndexOf("; ");
  return at === -1 ? finding(id, problem, more) : finding(id, problem.slice(0, at), { ...more, remedy: problem.slice(at + 2) });
}

/** Links of the docs as a terminal shows them. */
function inWords(text: string): string {
  return text.replace(/\[([^[\]]+)\]\([^()]+\)/g, (_link, page: string) => docsPage(page));
}
