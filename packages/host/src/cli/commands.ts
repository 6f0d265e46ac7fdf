import type { CommandDef } from "citty";

/** The commands, each loaded when it is run. */
export const COMMANDS: Readonly<Record<string, () => Promise<CommandDef>>> = {
  start: () => import("./start.ts").then(definition),
  validate: () => import("./validate.ts").then(definition),
  list: () => import("./list.ts").then(definition),
  call: () => import("./call.ts").then(definition),
  resources: () => import("./resources.ts").then(definition),
  read: () => import("./read.ts").then(definition),
  prompt: () => import("./prompt.ts").then(definition),
  subscribe: () => import("./subscribe.ts").then(definition),
  status: () => import("./status.ts").then(definition),
  logs: () => import("./logs.ts").then(definition),
  inspect: () => import("./inspect.ts").then(definition),
  doctor: () => import("./doctor.ts").then(definition),
  completion: () => import("./completion.ts").then(definition),
  version: () => import("./version.ts").then(definition),
};

/** A command's types of arguments do not matter to who runs it. */
function definition(module: { default: unknown }): CommandDef {
  return module.default as CommandDef;
}
