// A plugin of the bench: each caller sees another half of the tools, in an order of its own.
import { createHash } from "node:crypto";
import { definePlugin } from "mcp-host";

/** 32 bits that differ for each caller. */
const bits = ({ id }) => createHash("sha1").update(id).digest().readUInt32LE();

/** The number at the end of a tool's name, which tells it from the others. */
const numberOf = (name) => Number(name.slice(name.lastIndexOf("_") + 1)) || 0;

export default definePlugin({
  name: "views",
  host: "^1.0.0",
  apply(host) {
    const seeds = new WeakMap();
    const seedOf = (caller) => {
      let seed = seeds.get(caller);
      if (seed === undefined) seeds.set(caller, (seed = bits(caller)));
      return seed;
    };
    const sees = (number, seed) => {
      const mixed = Math.imul(number ^ seed, 0x2c1b3c6d);
      return Math.imul(mixed ^ (mixed >>> 15), 0x297a2d39) < 0;
    };
    host.hooks.permit.tap("views", ({ name }, caller) => (sees(numberOf(name), seedOf(caller)) ? undefined : false));
    host.hooks.list.tap("views", (entries, caller) => {
      const from = entries.length > 0 ? seedOf(caller) % entries.length : 0;
      return [...entries.slice(from), ...entries.slice(0, from)];
    });
  },
});
