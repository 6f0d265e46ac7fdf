import { z } from "zod";
import type { OperatedHost } from "../host/operated-host.ts";
import type { OperatorControls } from "../host/options.ts";
import type { Operation } from "../plugin/operations.ts";
import { redact } from "../redact.ts";
import type { Json } from "../wire/message.ts";
import type { ControlFacts, Invocation } from "./control-protocol.ts";

/** What a host does in its own program: default for one that is a part of another. */
export interface ServedControls extends OperatorControls {
  readonly facts: ControlFacts;
  readonly invocation: Invocation;
}

/** An operation of the host's own. */
export interface HostOperation extends Operation {
  readonly description: string;
  /** Only who has this user's socket may: what it gives may hold secrets. */
  readonly socketOnly?: true;
}

const NONE = z.strictObject({});
const NAMED = z.strictObject({ upstream: z.string().min(1).describe("Its key in `mcpServers`.") });

/** Everything that can be done to a host, besides what plugins offer: what the control socket, plugins and programs share. */
export function hostOperations(host: OperatedHost, controls: Partial<ServedControls>): Readonly<Record<string, HostOperation>> {
  const { invocation } = controls;
  return {
    status: {
      description: "Tells how the host and its servers are, and who is connected.",
      params: NONE,
      reads: true,
      run: () => redact({ ...host.status(), clients: host.clients(), ...controls.facts }) as Json, // a copy of an object is one
    },
    reload: {
      description: "Reads the config again and changes what it changes; tells what that was.",
      params: NONE,
      reads: false,
      run: async () => ({ ...(await (controls.reload?.() ?? host.reload())) }),
    },
    reconnect: {
      description: "Ends a server's connections after their calls in flight and connects anew.",
      params: NAMED,
      reads: false,
      async run(params) {
        await host.reconnect((params as z.output<typeof NAMED>).upstream); // it fits
        return {};
      },
    },
    stop: {
      description: "Ends the host; tells how long calls in flight may take, in milliseconds.",
      params: NONE,
      reads: false,
      run() {
        // Whoever asked is answered first.
        setImmediate(() => (controls.stop ? controls.stop() : void host.close()));
        return { drain: host.drain };
      },
    },
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
