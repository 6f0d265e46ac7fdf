// What a sign-in adds to a call: a host that is signed in to its server by OAuth, next to one whose config has the token in a header.
import { once } from "node:events";
import { createServer } from "node:http";
import { interleaved, withAll } from "./legs.mjs";
import { flood } from "./load.mjs";
import { TOKEN } from "./upstream-token.mjs";

const SHAPE = { client: "stdio", upstream: "http", servers: 1, tools: 5, isLocked: true };
const FIXED = { name: "fixed", title: "host, a fixed header", headers: { Authorization: `Bearer ${TOKEN}` } };
/** Another of the same: what it seems to add is the noise of the measurement. */
const AGAIN = { ...FIXED, name: "again" };

/** Gives tokens to the host, which is an account of its own there: nobody has to press a button. */
async function authorizationServer() {
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const json = (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.url === "/token") return json({ access_token: TOKEN, token_type: "Bearer", expires_in: 86_400 });
    if (request.url !== "/.well-known/oauth-authorization-server") return response.writeHead(404).end();
    const grants = { grant_types_supported: ["client_credentials"], response_types_supported: ["code"] };
    json({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, ...grants });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { issuer: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Microseconds of CPU per call above the host with a fixed header: { target: [one per round] }. */
export async function measureSignIn({ growth, warm }, { rounds, say }) {
  const { issuer, close } = await authorizationServer();
  const account = { grant: "client_credentials", clientId: "bench", clientSecret: "bench-secret", issuer };
  const signedIn = { name: "signed in", title: "host, signed in", plugins: [["@host/plugin-oauth", { servers: { s0: account } }]] };
  try {
    return await withAll(
      [FIXED, AGAIN, signedIn].map((target) => [target, SHAPE]),
      async (running) => {
        for (const each of running) await flood(each, 1, 32, { calls: warm * 4 });
        const samples = await interleaved(running, rounds * 2, async (each) => ({
          cpu: (await flood(each, 1, 32, { ms: growth.flood })).cpu,
        }));
        const [fixed, ...others] = running.map((each) => samples.get(each).cpu);
        say("a server that is signed in to");
        return Object.fromEntries(
          others.map((cpu, index) => [running[index + 1].target.name, cpu.map((value, round) => (value - fixed[round]) * 1000)]),
        );
      },
    );
  } finally {
    close();
  }
}
