import type { CommandDef } from "citty";

/** The commands, each loaded when it is run. */
export const COMMANDS: Readonly<Record<string, () => Promise<CommandDef>>> = {
  start: () => import("./start.ts").then(definition),
  stop: () => import("./stop.ts").then(definition),
  restart: () => import("./restart.ts").then(definition),
  service: () => import("./service.ts").then(definition),
  validate: () => import("./validate.ts").then(definition),
  list: () => import("./list.ts").then(definition),
  call: () => import("./call.ts").then(definition),
  status: () => import("./status.ts").then(definition),
  reload: () => import("./reload.ts").then(definition),
  inspect: () => import("./inspect.ts").then(definition),
  version: () => import("./version.ts").then(definition),
};

/** A command's types of arguments do not matter to who runs it. */
function definition(module: { default: unknown }): CommandDef {
  return module.default as CommandDef;
}
