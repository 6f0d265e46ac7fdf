import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

type Answer = { status?: number; body?: string; location?: string } | undefined;

/** An authorization server as far as a resource server sees it: keys on loopback, and the tokens that they sign. */
export interface TestIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly jwksUri: string;
  /** How often the keys were fetched. */
  fetches: number;
  /** What is answered instead of the keys. */
  answer: Answer;
  /** Makes a new key and forgets the old ones. */
  rotate(): Promise<void>;
  /** What is published beside the newest key; `kid` of all of them is left out where it is false. */
  others: Record<string, unknown>[];
  named: boolean;
  /** Awaited before the keys are answered with. */
  held: Promise<void> | undefined;
  /** Signs a token with the newest key; `undefined` takes a claim away. */
  sign(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** The newest public key. */
  publicKey(): Promise<Record<string, unknown>>;
}

export const AUDIENCE = "https://host.example/mcp";

export async function testIssuer(issuer = "https://issuer.example"): Promise<TestIssuer> {
  let number = 0;
  let pair = await generateKeyPair("ES256");
  const state = {
    fetches: 0,
    answer: undefined as Answer,
    others: [] as Record<string, unknown>[],
    named: true,
    held: undefined as Promise<void> | undefined,
  };
  const jwk = async (): Promise<Record<string, unknown>> => ({
    ...(await exportJWK(pair.publicKey)),
    kid: `k${number}`,
    alg: "ES256",
    use: "sig",
  });
  const server = createServer((_request, response) => {
    state.fetches++;
    const { answer } = state;
    if (answer) {
      response.writeHead(answer.status ?? 200, answer.location ? { location: answer.location } : {}).end(answer.body ?? "");
      return;
    }
    void (async () => {
      await state.held;
      const keys = [...state.others, await jwk()].map(({ kid, ...key }) => (state.named ? { kid, ...key } : key));
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return Object.assign(state, {
    issuer,
    jwksUri: `http://127.0.0.1:${port}/jwks`,
    async rotate() {
      number++;
      pair = await generateKeyPair("ES256");
    },
    sign(claims: JWTPayload = {}, header: Record<string, unknown> = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: issuer, aud: AUDIENCE, sub: "alice", iat: now, exp: now + 3600, ...claims };
      return new SignJWT(all).setProtectedHeader({ alg: "ES256", kid: `k${number}`, ...header }).sign(pair.privateKey);
    },
    publicKey: jwk,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** The text of a JWT that nobody signed. */
export function unsigned(header: object, claims: object, signature = ""): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}
