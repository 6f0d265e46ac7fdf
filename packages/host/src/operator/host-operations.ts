import { z } from "zod";
import { HostError } from "../errors.ts";
import type { OperatedHost } from "../host/operated-host.ts";
import { redact } from "../redact.ts";
import type { Json } from "../wire/message.ts";
import { catalogOperation } from "./catalog-operation.ts";
import type { ConfigDesk } from "./config-desk.ts";
import { configOperations } from "./config-operations.ts";
import type { HostOperation, ServedControls } from "./host-operation.ts";
import { CLIENTS, HEALTH, NOTHING, PIPELINE, RELOADED, STATS, STATUS } from "./operation-results.ts";

const NONE = z.strictObject({});
const NAMED = z.strictObject({ upstream: z.string().min(1).describe("Its key in `mcpServers`.") });
const CLIENT = z.strictObject({ client: z.string().min(1).max(64).describe("Its `id` among the clients.") });

/**
 * Everything that can be done to a host, besides what plugins offer: what the control socket, plugins and programs share.
 * @param config of a host that runs on a file
 */
export function hostOperations(
  host: OperatedHost,
  controls: Partial<ServedControls>,
  config: ConfigDesk | undefined,
): Readonly<Record<string, HostOperation>> {
  const { invocation } = controls;
  const told = (value: object): Json => redact(value) as Json; // a copy of an object is one
  return {
    status: {
      description: "Tells how the host and its servers are, and who is connected.",
      params: NONE,
      result: STATUS,
      reads: true,
      run: () => told({ ...host.status(), clients: host.clients(), ...controls.facts }),
    },
    reload: {
      description: "Reads the config again and changes what it changes; tells what that was.",
      params: NONE,
      result: RELOADED,
      reads: false,
      run: async () => ({ ...(await (controls.reload?.() ?? host.reload())) }),
    },
    reconnect: {
      description: "Ends a server's connections after their calls in flight and connects anew.",
      params: NAMED,
      result: NOTHING,
      reads: false,
      async run(params) {
        await host.reconnect((params as z.output<typeof NAMED>).upstream); // it fits
        return {};
      },
    },
    stop: {
      description: "Ends the host; tells how long calls in flight may take, in milliseconds.",
      params: NONE,
      result: z.looseObject({ drain: z.number() }),
      reads: false,
      run() {
        // Whoever asked is answered first.
        setImmediate(() => (controls.stop ? controls.stop() : void host.close()));
        return { drain: host.drain };
      },
    },
    drain: {
      description: "Has `/readyz` answer 503 from now on, so that a load balancer sends nobody new; everything is served on.",
      params: NONE,
      result: NOTHING,
      reads: false,
      run() {
        host.drainFor(true);
        return {};
      },
    },
    resume: {
      description: "Ends what `drain` began: `/readyz` tells again how the servers are.",
      params: NONE,
      result: NOTHING,
      reads: false,
      run() {
        host.drainFor(false);
        return {};
      },
    },
    ...(controls.restart && {
      restart: {
        description: "Ends the host after its calls in flight and starts it again as it was started, once its config has been checked.",
        params: NONE,
        result: NOTHING,
        reads: false,
        async run() {
          await controls.restart?.();
          return {};
        },
      },
    }),
    health: {
      description: "Tells whether the host and each of its servers can be used now, and why not.",
      params: NONE,
      result: HEALTH,
      reads: true,
      run: () => told(host.health()),
    },
    stats: {
      description: "Gives figures since the host was started.",
      params: NONE,
      result: STATS,
      reads: true,
      run: () => told(host.stats()),
    },
    pipeline: {
      description: "Tells which plugins there are, and every tap in its order.",
      params: NONE,
      result: PIPELINE,
      reads: true,
      run: () => told(host.pipeline()),
    },
    catalog: catalogOperation(host),
    clients: {
      description: "Tells who is connected; of many those that came last.",
      params: NONE,
      result: CLIENTS,
      reads: true,
      run: () => told({ clients: host.clients() }),
    },
    "end-client": {
      description: "Ends a client's session, with its requests in flight; it may come again.",
      params: CLIENT,
      result: NOTHING,
      reads: false,
      run(params) {
        const { client } = params as z.output<typeof CLIENT>; // it fits
        if (!host.endClient(client))
          throw new HostError("not_found", `no client is called "${client}"; \`clients\` tells who is connected`);
        return {};
      },
    },
    ...(config && configOperations(config)),
    ...(invocation && {
      invocation: {
        description: "Tells how the host was started.",
        params: NONE,
        reads: true,
        socketOnly: true,
        run: () => ({ ...invocation }),
      },
    }),
  };
}
