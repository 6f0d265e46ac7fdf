// What the suite runs as the client in its scenarios about signing in: `node sign-in.mjs URL`. It starts a host with @host/plugin-oauth and
// the suite's server behind it, and does what a person does: signs in where the host says that somebody must (the suite's authorization
// servers say yes at once, and send the browser back), calls every tool, and signs in again where a call wants more scope.

import { setTimeout as delay } from "node:timers/promises";
import { oauth } from "@host/plugin-oauth";
import { createHost } from "mcp-host";

const url = process.argv[2];
const { MCP_CONFORMANCE_CONTEXT: context = "{}" } = process.env;
const given = JSON.parse(context);
/** Where the suite takes clients to have their document. */
const DOCUMENT = "https://conformance-test.local/client-metadata.json";
const TRIES = 4;

const isMachine = given.name?.startsWith("auth/client-credentials");
const server = {
  ...(given.client_id !== undefined && { clientId: given.client_id }),
  ...(given.client_secret !== undefined && { clientSecret: given.client_secret }),
  ...(given.private_key_pem !== undefined && { privateKey: given.private_key_pem, algorithm: given.signing_algorithm }),
  ...(isMachine && { grant: "client_credentials" }),
};
const host = createHost({
  mcpServers: { suite: { url } },
  plugins: [oauth({ callback: { port: 0 }, clientMetadataUrl: DOCUMENT, servers: { suite: server } })],
});
await host.start();
void host.listTools();
const needsSignIn = () => host.status().upstreams[0].state === "needs sign-in";
const until = async (patience, isSo) => {
  for (const end = Date.now() + patience; Date.now() < end && !isSo(); ) await delay(20);
};
await until(5_000, () => !["connecting", "idle"].includes(host.status().upstreams[0].state));

for (let times = 0; times < TRIES; times++) {
  if (needsSignIn() && !(await signIn())) break;
  const { tools } = await host.listTools();
  if (tools.length === 0) await until(1_000, needsSignIn); // its list was refused
  if (needsSignIn()) continue;
  const outcomes = await Promise.allSettled(tools.map(({ name }) => host.callTool(name)));
  const reasons = outcomes.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  for (const reason of reasons) console.error(String(reason));
  if (!reasons.some(({ type }) => type === "sign_in_required") || !(await signIn())) break;
}
await host.close();

async function signIn() {
  try {
    const begun = await host.operator.run("oauth:begin", { server: "suite" });
    const page = await fetch(begun.url);
    console.error(`the browser ended with HTTP ${page.status}`);
    await page.text();
    if (!page.ok) {
      await host.operator.run("oauth:cancel", { id: begun.id });
      return false;
    }
    const outcome = await host.operator.run("oauth:wait", { id: begun.id });
    console.error(outcome.message);
    return outcome.state === "done";
  } catch (error) {
    console.error(error.message);
    return false;
  }
}
