import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLIENTS, type ClientKind, eraOf, expected, type Front, notFound, OPERATIONS, SETS, type Server } from "./cells.mjs";
import { operations } from "./operations.ts";
import type { Person } from "./person.ts";
import { Bench } from "./place.ts";

const CLIENT_KINDS = Object.keys(CLIENTS) as ClientKind[]; // as they are written

/** Every client by one way in, before every set of servers. */
export function matrix(front: Front): void {
  describe.each(Object.entries(SETS))(`before %s, by ${front}`, (_, servers) => {
    const bench = new Bench(front, servers);
    beforeAll(() => bench.start());
    afterAll(() => bench.close());

    describe.each(CLIENT_KINDS)("%s", (client) => {
      if (eraOf(client, front) === undefined) return test("is refused", () => expect(bench.person(client)).rejects.toThrow());
      let person: Person;
      beforeAll(async () => {
        person = await bench.person(client);
      });
      for (const server of servers) for (const operation of Object.keys(OPERATIONS)) cell(operation, server);

      function cell(operation: string, server: Server): void {
        const { outcome, reason } = expected(operation, { client, front, server });
        const title = servers.length > 1 ? `${server.key}: ${operation}` : operation;
        test(`${title} ${outcome}`, async () => {
          const run = operations[operation];
          const code = notFound({ client, server, isAlone: servers.length === 1 });
          expect(await run?.({ person, key: server.key, notFound: code, outcome }), reason).toBe(outcome);
        });
      }
    });
  });
}
