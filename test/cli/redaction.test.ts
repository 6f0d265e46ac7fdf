import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, runProcess, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { upstream } from "../harness/hosts.ts";

// Each command in a process of its own: what another one has read is no secret to it yet.

/** One secret for each way by which a config takes them in; none has a form that would give it away. */
const SECRETS = {
  header: "canary-in-a-header-0001",
  environment: "Canary.From.The.Environment.2",
  literal: "canary-literal-in-env-0003",
  credentials: "Canary+Credentials/4==",
  file: "canary from a file 5",
  url: "canary-in-a-query-0006",
  set: "canary-given-by-set-0007",
};

/** A server that quotes every credential it is given in its refusal. */
async function indiscreet(): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer((request, response) => {
    response.writeHead(403, { "content-type": "text/plain" });
    response.end(`refused: ${request.url} ${JSON.stringify(request.headers)}`);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number }; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    [Symbol.asyncDispose]: () => new Promise((closed) => server.close(() => closed()).closeAllConnections()),
  };
}

test("no secret of the config shows in logs at --debug, in status, in validate, or in what clients are told", async () => {
  await using server = await indiscreet();
  using at = home(
    {
      mcpServers: {
        // Prints its secrets on stderr, whose last lines `status` shows.
        stdio: {
          ...upstream(),
          args: ["--import", "data:text/javascript,console.error(JSON.stringify(process.env))", ...upstream().args],
          env: {
            ...upstream().env,
            A: "${PLAIN_NAME}",
            B: "${FROM_CREDENTIALS}",
            C: "${file:secret.txt}",
            PASSWORD: SECRETS.literal,
            D: "${GIVEN}",
          },
        },
        http: {
          url: `${server.url}?api_key=${SECRETS.url}`,
          headers: { Authorization: `Bearer ${SECRETS.header}`, "X-Other": "${FROM_CREDENTIALS}" },
        },
        // Dies with its secrets in its last words.
        dies: {
          command: process.execPath,
          args: ["-e", "console.error(JSON.stringify(process.env)); process.exit(3)"],
          env: { ...upstream().env, A: "${PLAIN_NAME}", B: "${FROM_CREDENTIALS}", PASSWORD: SECRETS.literal },
        },
      },
    },
    { "secret.txt": `${SECRETS.file}\n` },
  );
  mkdirSync(join(at.path, "user/mcp-host"), { recursive: true });
  writeFileSync(join(at.path, "user/mcp-host/credentials.json"), JSON.stringify({ FROM_CREDENTIALS: SECRETS.credentials }), {
    mode: 0o600,
  });
  const env = { PLAIN_NAME: SECRETS.environment };
  const set = ["--set", `GIVEN=${SECRETS.set}`];

  await using running = start(at, ["start", "--port", "0", "--debug", ...set], env);
  await vi.waitFor(() => expect(running.stderr()).toContain("claude mcp add"));
  const [, url = ""] = /url=(\S+)/.exec(running.stderr()) ?? [];
  const client = sdkClient();
  await client.connect(httpTransport(new URL(url)));
  // The secrets do reach the server that they are for.
  expect((await client.callTool({ name: "environment" })).structuredContent).toMatchObject({
    env: { A: SECRETS.environment, B: SECRETS.credentials, C: SECRETS.file, PASSWORD: SECRETS.literal, D: SECRETS.set },
  });
  const told = JSON.stringify(await client.callTool({ name: "nothing" }).catch((error) => ({ message: error.message, data: error.data })));
  await client.close();
  const status = [await runProcess(at, ["status"]), await runProcess(at, ["status", "--json"])];
  const validate = [
    await runProcess(at, ["validate", "--connect", "--debug", ...set], env),
    await runProcess(at, ["validate", "--connect", "--json", "--debug", ...set], env),
  ];
  const inspect = await runProcess(at, ["inspect", "--json", "--debug", ...set], env);
  running.child.kill("SIGTERM");
  const log = await running.exited;

  const outputs = { log, told, status, validate, inspect };
  for (const [name, secret] of Object.entries(SECRETS))
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64").replace(/=+$/, "")])
      expect(JSON.stringify(outputs), `the ${name} secret shows`).not.toContain(form);
  // The failing servers were talked about, so there was something to hide.
  expect(JSON.stringify(validate)).toMatch(/"dies|dies /);
  expect(status[1]?.stdout).toContain("[redacted]");
});

test("a bad config is told without its secrets", async () => {
  using at = home({
    mcpServers: { a: { url: "http://127.0.0.1:1", headers: { "X-Key": "${KEY}", "Bad Header": "${KEY}" }, timeot: 1 } },
    plugins: [["./none.js", { password: SECRETS.literal }]],
  });
  const { code, stderr } = await runProcess(at, ["validate", "--debug"], { KEY: SECRETS.header });
  expect(code).toBe(3);
  expect(stderr).toContain("timeot");
  expect(stderr).not.toContain(SECRETS.header);
  expect(stderr).not.toContain(SECRETS.literal);
});
