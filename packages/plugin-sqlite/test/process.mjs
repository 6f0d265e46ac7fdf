// A host's store in a process of its own: `node process.mjs <file>`, told what to do line by line as JSON, and answering in the same way.
import { sqlite } from "@host/plugin-sqlite";
import { definePlugin } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { onLines } from "../../../test/fixtures/lines.mjs";

let host;
const user = definePlugin({
  name: "user",
  host: "^1.0.0",
  apply(given) {
    host = given;
    given.hooks.settled.tap("user", () => {});
  },
});
const running = await createTestHost({ plugins: [sqlite({ file: process.argv[2] }), user()], client: false });
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const leases = new Map();
const ends = new Map();

/** What a test asks, by name. */
const does = {
  get: ({ store, key }) => host.store(store).get(key),
  set: ({ store, key, value, ttl }) => host.store(store).set(key, value, ttl),
  delete: ({ store, key }) => host.store(store).delete(key),
  increment: ({ store, key, by, ttl }) => host.store(store).increment(key, by, ttl),
  /** A change cannot be sent: the process that asks says what it wants of which value, and tries again. */
  swap: ({ store, key, expected, value, ttl }) =>
    host
      .store(store)
      .update(
        key,
        (found) => {
          if (JSON.stringify(found) !== JSON.stringify(expected)) throw Object.assign(new Error("changed"), { found });
          return value;
        },
        ttl,
      )
      .then(
        () => ({ swapped: true }),
        ({ found }) => ({ swapped: false, found }),
      ),
  async lease({ store, name, ttl, lease: id }) {
    const lease = await host.store(store).lease(name, ttl);
    if (lease) leases.set(id, lease);
    return lease !== undefined;
  },
  renew: ({ lease: id, ttl }) => leases.get(id).renew(ttl),
  release: ({ lease: id }) => leases.get(id).release(),
  publish: ({ store, channel, message }) => host.store(store).publish(channel, message),
  subscribe({ store, channel, subscription: id }) {
    ends.set(
      id,
      host.store(store).subscribe(channel, (message) => say({ heard: id, message })),
    );
  },
  unsubscribe: ({ subscription: id }) => ends.get(id)(),
  /** Adds to a number so often, each time with an update of its own. */
  async add({ store, key, times }) {
    for (let time = 0; time < times; time++) await host.store(store).update(key, (value) => Number(value ?? 0) + 1);
  },
  /** Writes without end, and says each number that is written. */
  async write({ store }) {
    for (let number = 1; ; number++) {
      await Promise.all([host.store(store).set(`key ${number}`, "x".repeat(2_000)), host.store(store).increment("count")]);
      say({ written: number });
    }
  },
  /** Ends the process while the thread writes. */
  exit({ store }) {
    for (let number = 0; number < 2_000; number++) void host.store(store).set(`key ${number}`, "x".repeat(1_000));
    setTimeout(() => process.exit(0), 5);
  },
  close: () => running.close().then(() => void process.stdin.destroy()),
};

onLines(process.stdin, (line) => {
  const { id, what, ...given } = JSON.parse(line);
  Promise.resolve()
    .then(() => does[what](given))
    .then(
      (value) => say({ id, value }),
      (error) => say({ id, error: error.message }),
    );
});
say({ ready: true });
