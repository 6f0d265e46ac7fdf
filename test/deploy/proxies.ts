import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { freePort } from "../harness/free-port.ts";
import { MARKED, ROOT, temporary } from "../harness/hosts.ts";

const TLS = join(ROOT, "test/fixtures/tls");

/** A proxy that the recipes are tried with: how it is called, and its file of deploy/proxies for this machine. */
interface Recipe {
  readonly file: string;
  readonly programs: readonly string[];
  readonly version: readonly string[];
  /** Debian's package. */
  readonly debian: string;
  /** Writes what the program reads into `folder`, which has fullchain.pem, privkey.pem and both in mcp-host.pem; gives its arguments. */
  prepare(text: string, folder: string, ports: Ports): string[];
}

interface Ports {
  /** What is called. */
  readonly own: number;
  /** Of the host. */
  readonly host: string;
  /** Seconds, in the place of the recipe's 60. */
  readonly patience: number;
}

const user = process.getuid?.() === 0 ? "user root;" : "";
const TEMPORARIES = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

export const RECIPES: Readonly<Record<string, Recipe>> = {
  nginx: {
    file: "nginx.conf",
    programs: ["nginx", "/usr/sbin/nginx"],
    version: ["-v"],
    debian: "nginx-light",
    prepare(text, folder, { own, host, patience }) {
      mkdirSync(join(folder, "temporary"));
      const site = replaced(text, [
        ["listen 443 ssl", `listen 127.0.0.1:${own} ssl`],
        ["/etc/ssl/mcp-host", folder],
        ["127.0.0.1:3000", `127.0.0.1:${host}`],
        ["_timeout 60s", `_timeout ${patience}s`],
      ]);
      writeFileSync(join(folder, "site.conf"), site);
      const paths = TEMPORARIES.map((kind) => `${kind}_temp_path ${folder}/temporary;`).join(" ");
      writeFileSync(
        join(folder, "nginx.conf"),
        `daemon off; ${user} worker_processes 1; pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${paths} include ${folder}/site.conf; }`,
      );
      return ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")];
    },
  },
  haproxy: {
    file: "haproxy.cfg",
    programs: ["haproxy", "/usr/sbin/haproxy"],
    version: ["-v"],
    debian: "haproxy",
    prepare(text, folder, { own, host, patience }) {
      const config = replaced(text, [
        ["bind :443", `bind 127.0.0.1:${own}`],
        ["/etc/haproxy/certs", folder],
        ["127.0.0.1:3000", `127.0.0.1:${host}`],
        ["timeout client 60s", `timeout client ${patience}s`],
        ["timeout server 60s", `timeout server ${patience}s`],
      ]);
      writeFileSync(join(folder, "haproxy.cfg"), config);
      return ["-db", "-f", join(folder, "haproxy.cfg")];
    },
  },
  caddy: {
    file: "Caddyfile",
    programs: ["caddy"],
    version: ["version"],
    debian: "caddy",
    prepare(text, folder, { own, host }) {
      const site = "{$PUBLIC_HOST:mcp.example.com} {";
      const certificate = `tls ${folder}/fullchain.pem ${folder}/privkey.pem`;
      const config = replaced(text, [
        [site, `{$PUBLIC_HOST:mcp.example.com}:${own} {\n\tbind 127.0.0.1\n\t${certificate}`],
        ["127.0.0.1:3000", `127.0.0.1:${host}`],
      ]);
      writeFileSync(join(folder, "Caddyfile"), `{\n\tadmin off\n\tauto_https off\n}\n${config}`);
      return ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")];
    },
  },
};

/** A recipe with this machine's ports and folders. What is not there any more is an error: the recipe would be tried with its own. */
function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  let changed = text;
  for (const [from, to] of pairs) {
    expect(changed, `the recipe has "${from}"`).toContain(from);
    changed = changed.replaceAll(from, to);
  }
  return changed;
}

export const recipe = (file: string): string => readFileSync(join(ROOT, "deploy/proxies", file), "utf8");

/** The program of a recipe, where it is installed. */
export const programOf = ({ programs, version }: Recipe): string | undefined =>
  programs.find((each) => spawnSync(each, version).status === 0);

export interface RunningProxy extends AsyncDisposable {
  readonly url: URL;
}

/** A proxy with its recipe, on a port of its own in front of a host's. */
export async function startProxy({ file, prepare }: Recipe, program: string, host: string, patience: number): Promise<RunningProxy> {
  const folder = temporary();
  for (const [from, to] of [
    ["first.pem", "fullchain.pem"],
    ["first.key", "privkey.pem"],
  ] as const)
    copyFileSync(join(TLS, from), join(folder.path, to));
  writeFileSync(
    join(folder.path, "mcp-host.pem"),
    ["first.pem", "first.key"].map((name) => readFileSync(join(TLS, name), "utf8")).join(""),
  );
  const own = await freePort();
  const args = prepare(recipe(file), folder.path, { own, host, patience });
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, ...MARKED, HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise((done) => child.once("close", done));
  await vi.waitFor(async () => {
    expect(child.exitCode, said).toBeNull();
    await new Promise<void>((resolve, reject) => {
      const socket = connect(own, "127.0.0.1", () => resolve(void socket.destroy()));
      socket.once("error", reject);
    });
  });
  return {
    url: new URL(`https://127.0.0.1:${own}/mcp`),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(late);
      folder[Symbol.dispose]();
    },
  };
}
