import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { MARKED, ROOT, temporary } from "../harness/hosts.ts";
import { assignmentsOf, type Instruction, ignoredBy, instructionsOf, wordsOf } from "./dockerfile.ts";
import { installAll, installProduction, installServers } from "./installed.ts";

/**
 * The Dockerfile without Docker: its steps in order, each stage in a folder that stands for `/`. What stands for what:
 *
 * - the base image: this machine's Node and shell, in an empty folder; absolute paths in instructions begin at the stage's folder;
 * - `npm ci` and `npm install`: what the checkout has installed, as the lockfile says it (installed.ts), since tests download nothing;
 * - `USER 1000:1000`: this user and group where the test is run by root, else who runs the test; `node` in `install -o` likewise;
 * - a root that is read-only: nobody may write there but in the home and /tmp.
 *
 * Everything else runs as it is written: COPY with .dockerignore, the build, the packing, CMD and HEALTHCHECK.
 */
export interface Image extends Disposable {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly user: string;
  /** What is started in a container of it: the entry point with these words in the place of CMD. */
  start(words?: readonly string[], env?: Record<string, string>): ChildProcessWithoutNullStreams;
  /** What `docker exec` does; gives its exit code and what it said. */
  exec(words: readonly string[], env?: Record<string, string>): { code: number | null; said: string };
  /** A path of the container, where it is here. */
  at(path: string): string;
}

interface Stage {
  readonly root: string;
  readonly env: Record<string, string>;
  /** ARG and ENV, which RUN sees. */
  readonly args: Record<string, string>;
  workdir: string;
  user: string;
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
}

/** Whether another user can be taken: root can, where that user can enter the folder of Node. */
const isRoot = process.getuid?.() === 0 && !process.execPath.startsWith("/root/");
const OWNER = isRoot ? { uid: 1000, gid: 1000 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
/** The beginnings of paths that are the stage's and not the machine's. */
const OWN_PATH = /(^|[\s"'=])(\/(?:src|app|packed|servers|var|etc|root|tmp|usr\/local)(?=[/\s"']|$))/g;

/** Runs the Dockerfile's steps. @param args those of `--build-arg` */
export function build(args: Record<string, string> = {}): Image {
  const folder = temporary();
  chmodSync(folder.path, 0o755); // the container's user has to come in
  const global: Record<string, string> = {};
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const instruction of instructionsOf(readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8"))) {
    const { name, rest } = instruction;
    if (name === "FROM") {
      const [, base = "", as = "final"] = /^(\S+)(?: AS (\S+))?$/.exec(expanded(rest, global)) ?? [];
      stages.set(as, (stage = begin(join(folder.path, as), stages.get(base))));
    } else if (stage) step(stage, instruction, stages, args);
    else if (name === "ARG") Object.assign(global, assignmentsOf(rest));
    else throw new Error(`${name} stands before FROM`);
  }
  if (!stage) throw new Error("the Dockerfile has no stage");
  return imageOf(stage, folder);
}

function begin(root: string, base: Stage | undefined): Stage {
  for (const path of ["usr/local/bin", "var/lib", "etc", "root", "tmp"]) mkdirSync(join(root, path), { recursive: true });
  if (base) cpSync(base.root, root, { recursive: true, verbatimSymlinks: true });
  return { root, env: { ...base?.env }, args: {}, workdir: base?.workdir ?? "/", user: "0", entrypoint: [], command: [], healthcheck: [] };
}

function step(stage: Stage, instruction: Instruction, stages: ReadonlyMap<string, Stage>, args: Record<string, string>): void {
  const { name, rest, flags } = instruction;
  switch (name) {
    case "ARG":
      for (const [key, value] of Object.entries(assignmentsOf(rest))) stage.args[key] = args[key] ?? value;
      return;
    case "ENV":
      return void Object.assign(stage.env, assignmentsOf(rest));
    case "WORKDIR":
      stage.workdir = rest;
      return void mkdirSync(join(stage.root, rest), { recursive: true });
    case "USER":
      stage.user = rest;
      return;
    case "COPY":
      return copied(stage, rest.split(" "), flags.from === undefined ? undefined : stages.get(flags.from));
    case "RUN":
      return ran(stage, rest);
    case "ENTRYPOINT":
      stage.entrypoint = wordsOf(rest);
      return;
    case "CMD":
      stage.command = wordsOf(rest);
      return;
    case "HEALTHCHECK":
      stage.healthcheck = wordsOf(rest.replace(/^CMD /, ""));
      return;
    case "EXPOSE":
      return;
    default:
      throw new Error(`${name} is not understood here`);
  }
}

/** Into a folder that is named with a slash or `.` at its end, or another stage's folder to a place of its own. */
function copied(stage: Stage, paths: readonly string[], from: Stage | undefined): void {
  const to = join(stage.root, paths.at(-1)?.startsWith("/") ? "" : stage.workdir, paths.at(-1) ?? "");
  const isIgnored = ignoredBy(readFileSync(join(ROOT, ".dockerignore"), "utf8"));
  for (const path of paths.slice(0, -1)) {
    const source = join(from?.root ?? ROOT, path);
    if (!from && isIgnored(path)) throw new Error(`COPY ${path}: .dockerignore keeps it out`);
    const intoFolder = /(^|\/)\.?\/?$/.test(paths.at(-1) ?? "") && path !== ".";
    const filter = (file: string): boolean => from !== undefined || file === ROOT || !isIgnored(relative(ROOT, file));
    cpSync(source, intoFolder ? join(to, basename(source)) : to, { recursive: true, verbatimSymlinks: true, filter });
  }
}

function ran(stage: Stage, text: string): void {
  const folder = join(stage.root, stage.workdir);
  if (/^npm ci /.test(text)) return text.includes("--omit=dev") ? installProduction(folder) : installAll(folder);
  if (text.includes("npm install")) {
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    return installServers(folder, (stage.args.SERVERS ?? "").split(" ").filter(Boolean));
  }
  const command = rooted(stage.root, text).replaceAll("-o node -g node", isRoot ? "-o 1000 -g 1000" : "");
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", command], {
    cwd: folder,
    // npm and turbo have no home but the stage's, and no network.
    env: { ...machine(stage), HOME: join(stage.root, "root"), npm_config_offline: "true", TURBO_TELEMETRY_DISABLED: "1", ...stage.args },
    encoding: "utf8",
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`RUN ${text} ended with ${status}:\n${stdout}${stderr}`);
}

/** What a process of the image finds: the image's programs, and those of the base image. */
const machine = (stage: Stage): Record<string, string> => ({
  ...MARKED,
  PATH: [join(stage.root, "usr/local/bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":"),
});

const rooted = (root: string, text: string): string =>
  text.replace(OWN_PATH, (_all, before: string, path: string) => `${before}${root}${path}`);

const expanded = (text: string, values: Record<string, string>): string =>
  text.replace(/\$\{(\w+)\}/g, (_all, name: string) => values[name] ?? "");

/** Takes everybody's right to write from what a read-only root would keep. */
function protect(root: string, writable: readonly string[]): void {
  const isWritable = (path: string): boolean => writable.some((each) => path === each || each.startsWith(`${path}/`));
  for (const entry of readdirSync(root)) {
    const path = join(root, entry);
    if (!isWritable(path)) spawnSync("chmod", ["-R", "a-w", path]);
    else if (!writable.includes(path)) protect(path, writable);
  }
  chmodSync(root, 0o555);
}

function imageOf(stage: Stage, folder: { path: string; [Symbol.dispose](): void }): Image {
  const { root, entrypoint, command, healthcheck, user } = stage;
  const writable = [join(root, "var/lib/mcp-host"), join(root, "tmp"), join(root, "etc/mcp-host")];
  for (const each of writable) if (!existsSync(each)) throw new Error(`${each} is missing`);
  chmodSync(join(root, "tmp"), 0o1777);
  const env = Object.fromEntries(Object.entries(stage.env).map(([name, value]) => [name, rooted(root, value)]));
  const options = (more: Record<string, string>) => ({
    ...OWNER,
    cwd: join(root, stage.workdir),
    // The state of a test is elsewhere by MARKED; a container has its own.
    env: { ...machine(stage), ...env, XDG_STATE_HOME: join(env.HOME ?? root, ".local/state"), TMPDIR: join(root, "tmp"), ...more },
  });
  protect(root, writable);
  return {
    ...{ root, command, healthcheck, user },
    at: (path) => join(root, path),
    start(words = command, more = {}) {
      const [program = "", ...rest] = [...entrypoint, ...words].map((word) => rooted(root, word));
      return spawn(program, rest, options(more));
    },
    exec(words, more = {}) {
      const [program = "", ...rest] = words.map((word) => rooted(root, word));
      const { status, stdout, stderr } = spawnSync(program, rest, { ...options(more), encoding: "utf8", timeout: 60_000 });
      return { code: status, said: stdout + stderr };
    },
    [Symbol.dispose]() {
      spawnSync("chmod", ["-R", "u+w", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}
