import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { clientOf, home, run, runProcess, start, urlOf } from "../../../test/harness/cli.ts";

const SERVER = join(import.meta.dirname, "secret-server.mjs");

/** Twelve secrets of all kinds of shapes, by where they are planted. */
const CANARIES = {
  inEnv: "canary01-plain",
  besideText: "canary02/with+base64==chars",
  inUrl: "canary03&needs=encoding %",
  inBearer: "canary04.in.a-bearer~token",
  inHeader: "canary05 with blanks inside",
  inArguments: "canary06-in-arguments",
  onStderr: 'canary07-"quoted"\\and\\escaped',
  ofProgram: "canary08-of-a-program",
  ofPlugin: "canary09-option-of-a-plugin",
  inStore: "canary10-token-of-a-plugin",
  ofManyLines: "-----BEGIN canary11-----\nc2Vjb25kLWxpbmU=\n-----END canary11-----",
  passphrase: "canary12 which opens all of it",
} as const;

/** What tells a canary in any form that it may turn up in. */
function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    encodeURIComponent(secret),
    base64,
  ];
}

function found(text: string): string[] {
  return Object.entries(CANARIES).flatMap(([name, secret]) => (formsOf(secret).some((form) => text.includes(form)) ? [name] : []));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

test("none of twelve planted secrets is found in logs, errors, figures, status, traces, another server's environment or any file of the user's folders", async () => {
  const echoing = createServer((request, response) => {
    response.writeHead(500, { "content-type": "text/plain" }).end(`${request.url} ${JSON.stringify(request.headers)}`);
  });
  await new Promise<void>((done) => echoing.listen(0, "127.0.0.1", done));
  const { port } = echoing.address() as AddressInfo; // it listens
  const node = (env: Record<string, string>, ...args: string[]) => ({ command: process.execPath, args: [SERVER, ...args], env });
  using at = home({
    listen: { port: 0 },
    mcpServers: {
      owner: node({ TOKEN: "${secret:inEnv}", LABEL: "label ${secret:besideText}", KEY: "${secret:ofManyLines}" }),
      other: node({}),
      web: {
        url: `http://127.0.0.1:${port}/mcp?key=\${secret:inUrl}`,
        headers: { authorization: "Bearer ${secret:inBearer}", "x-key": "${secret:inHeader}" },
      },
      argued: node({}, "--token", "${secret:inArguments}"),
      broken: {
        command: process.execPath,
        args: ["-e", "console.error('cannot start with ' + process.env.TOKEN); process.exit(1)"],
        env: { TOKEN: "${secret:inEnv}" },
      },
      loud: node({ TOKEN: "${secret:onStderr}" }),
      asked: node({ TOKEN: `\${cmd:${process.execPath} -p process.env.CANARY_PROGRAM}` }),
    },
    plugins: [
      "@host/plugin-namespace",
      ["@host/plugin-audit", { file: "audit.jsonl", details: [{ match: ["*"], arguments: "redacted", results: "redacted" }] }],
      ["@host/plugin-metrics", { token: "${secret:ofPlugin}" }],
      [
        "@host/plugin-vault",
        { key: "passphrase", passphrase: "${env:MCP_HOST_VAULT_PASSPHRASE}", workFactor: 14, commands: [process.execPath], poll: "50ms" },
      ],
      join(import.meta.dirname, "keeper.mjs"),
    ],
  });
  const { ofProgram, passphrase, inStore, ...planted } = CANARIES;
  const env = { MCP_HOST_VAULT_PASSPHRASE: passphrase, CANARY_PROGRAM: ofProgram, CANARY_TOKEN: inStore };
  const dotenv = join(at.path, ".env");
  writeFileSync(
    dotenv,
    Object.entries(planted)
      .map(([name, secret]) => `${name}='${secret}'`)
      .join("\n"),
  );
  const imported = await runProcess(at, ["secret", "import", ".env"], env);
  expect([imported.code, imported.stdout]).toEqual([0, expect.stringContaining("9 of 9 variables")]);
  writeFileSync(dotenv, "");

  await using host = start(at, ["start", "--debug", "--log-format", "json"], env);
  const client = await clientOf(host);
  const url = await urlOf(host);
  await vi.waitFor(async () => expect((await client.listTools()).tools.map(({ name }) => name)).toContain("asked__show"), 30_000);

  // Each is where it belongs: a test that plants nothing finds nothing.
  const environmentOf = async (server: string): Promise<string> =>
    JSON.stringify((await client.callTool({ name: `${server}__show` })).content);
  expect(found(await environmentOf("owner"))).toEqual(["inEnv", "besideText", "ofManyLines"]);
  expect(found(await environmentOf("loud"))).toEqual(["onStderr"]);
  expect(found(await environmentOf("asked"))).toEqual(["ofProgram"]);
  expect(found(await environmentOf("other")), "another server's environment").toEqual([]);
  const said = await client.callTool({ name: "other__show", arguments: { text: CANARIES.inEnv, list: [CANARIES.ofManyLines] } });
  expect(said.isError, "a client that says a secret is audited, too").not.toBe(true);
  const told: Record<string, string> = {};
  const tracing = start(at, ["trace", "--count", "2", "--json", "--html", join(at.path, "trace.html")], env);
  const traced = vi.waitFor(async () => {
    await environmentOf("owner");
    expect(tracing.stdout().trim().split("\n")).toHaveLength(2);
  }, 30_000);
  await traced;
  told.trace = (await tracing.exited).stdout;
  expect(told.trace).toContain("[redacted]");

  for (const name of ["web__any", "nothing", "owner__wait-not"])
    told[`error of ${name}`] = await client
      .callTool({ name })
      .then(JSON.stringify, (error: unknown) => `${String(error)} ${JSON.stringify(error)}`);
  const metrics = await fetch(new URL("/metrics", url), { headers: { authorization: `Bearer ${planted.ofPlugin}` } });
  expect(metrics.status).toBe(200);
  told.metrics = await metrics.text();
  told.refused = await (await fetch(new URL("/metrics", url))).text();
  told.readyz = await (await fetch(new URL("/readyz", url))).text();
  // Those that ask the running host, whose answers are its own, in processes; those that read the config themselves here.
  for (const line of ["status", "status --json", "inspect --json", "reload", "validate", "logs --no-follow --json"]) {
    const { stdout, stderr } = await runProcess(at, line.split(" "), env);
    told[line] = `${stdout}${stderr}`;
  }
  for (const line of ["config show", "credentials check --json", "doctor", "secret list --json", "secret rotate", "secret get inEnv"]) {
    const { stdout, stderr } = await run(at, line.split(" "), env);
    told[line] = `${stdout}${stderr}`;
  }
  for (const [where, text] of Object.entries(told)) expect(text, where).not.toBe("");
  await client.close();
  host.child.kill("SIGTERM");
  const { stdout, stderr } = await host.exited;
  told["standard output"] = stdout;
  told["the log"] = stderr;
  expect(stderr).toContain('"level":"debug"');
  expect(stderr, "what a server says of its secret is in the log, without it").toContain("cannot start with [redacted]");
  for (const file of filesBelow(at.path)) told[file] = readFileSync(file, "latin1");
  const [audit = ""] = Object.entries(told).flatMap(([file, text]) => (/audit.*jsonl/.test(file) ? [text] : []));
  expect(audit).toContain("owner__show");
  expect(audit).toContain("[redacted]");
  expect(Object.keys(told).filter((name) => name.includes("/vault"))).not.toEqual([]);
  expect(Object.entries(told).flatMap(([where, text]) => found(text).map((name) => `${name} in ${where}`))).toEqual([]);
  echoing.closeAllConnections();
  await new Promise((done) => echoing.close(done));
}, 240_000);
