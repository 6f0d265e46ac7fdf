import type { Json, PluginHost } from "mcp-host";
import { z } from "zod";
import { ADDRESSES, type Door } from "./door.ts";
import type { Generations } from "./generations.ts";
import type { Limit } from "./limit.ts";

export interface Operated {
  readonly limits: readonly Limit[];
  readonly door: Door | undefined;
  readonly generations: Generations;
  readonly tell: () => Json;
}

/** What operators may have done. */
export function operate({ operator }: Pick<PluginHost, "operator">, { limits, door, generations, tell }: Operated): void {
  operator.operation("show", tell, {
    description: "Tells what rules let through, what they refused, and who uses most.",
    params: z.strictObject({}),
    reads: true,
  });
  const names = [...limits.map(({ name }) => name), ...(door ? [ADDRESSES] : [])];
  operator.operation(
    "reset",
    async ({ rule }) => {
      if (!names.includes(rule)) throw new Error(`there is no rule ${JSON.stringify(rule)}; there are ${names.join(", ") || "none"}`);
      await generations.renew(rule);
      const consumers = rule === ADDRESSES ? door?.consumers : limits.find(({ name }) => name === rule)?.consumers;
      consumers?.forget();
      return { reset: rule };
    },
    {
      description: "Has a rule begin to count anew, for everybody; what is under way stays counted.",
      params: z.strictObject({ rule: z.string().min(1).describe("The rule's name, as `show` tells it; `addresses` for floods.") }),
    },
  );
}
