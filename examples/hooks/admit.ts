import { BlockList, isIP } from "node:net";
import { definePlugin, refuse } from "mcp-host";
import { z } from "zod";

/** Lets requests in from these networks only: `{ "networks": ["127.0.0.1/32", "10.0.0.0/8"] }`. */
export default definePlugin({
  name: "networks",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ networks: z.array(z.union([z.cidrv4(), z.cidrv6()])).min(1) }),
  apply(host, { networks }) {
    const allowed = new BlockList();
    for (const network of networks) {
      const [address = "", prefix] = network.split("/");
      allowed.addSubnet(address, Number(prefix), isIP(address) === 6 ? "ipv6" : "ipv4");
    }
    host.hooks.admit.tap("networks", ({ address }) => {
      const version = isIP(address); // 0 over a Unix socket, whose file's mode says who may come
      if (version !== 0 && !allowed.check(address, `ipv${version === 6 ? 6 : 4}`))
        throw refuse("forbidden", "this network may not come in");
    });
  },
});
