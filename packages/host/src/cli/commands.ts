import type { CommandDef } from "citty";

/**
 * The commands, each loaded when it is run. Of those with a blank the first word is a group. A command's file imports at its top what its
 * flags and its words need; what `run` works with (the config, a host, a running host) it imports there: `--help`, completion and usage
 * errors wait for none of it.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<CommandDef>>> = {
  init: () => import("./init.ts").then(definition),
  migrate: () => import("./migrate.ts").then(definition),
  "client-config": () => import("./client-config.ts").then(definition),
  install: () => import("./install.ts").then(definition),
  uninstall: () => import("./uninstall.ts").then(definition),
  start: () => import("./start.ts").then(definition),
  stop: () => import("./stop.ts").then(definition),
  restart: () => import("./restart.ts").then(definition),
  service: () => import("./service.ts").then(definition),
  dev: () => import("./dev.ts").then(definition),
  validate: () => import("./validate.ts").then(definition),
  list: () => import("./list.ts").then(definition),
  tokens: () => import("./tokens.ts").then(definition),
  call: () => import("./call.ts").then(definition),
  resources: () => import("./resources.ts").then(definition),
  read: () => import("./read.ts").then(definition),
  prompt: () => import("./prompt.ts").then(definition),
  subscribe: () => import("./subscribe.ts").then(definition),
  search: () => import("./search.ts").then(definition),
  add: () => import("./add.ts").then(definition),
  remove: () => import("./remove.ts").then(definition),
  enable: () => import("./enable.ts").then(definition),
  disable: () => import("./disable.ts").then(definition),
  reconnect: () => import("./reconnect.ts").then(definition),
  drain: () => import("./drain.ts").then(definition),
  status: () => import("./status.ts").then(definition),
  logs: () => import("./logs.ts").then(definition),
  trace: () => import("./trace.ts").then(definition),
  reload: () => import("./reload.ts").then(definition),
  inspect: () => import("./inspect.ts").then(definition),
  schema: () => import("./schema.ts").then(definition),
  "config path": () => import("./config-path.ts").then(definition),
  "config show": () => import("./config-show.ts").then(definition),
  "config history": () => import("./config-history.ts").then(definition),
  "config restore": () => import("./config-restore.ts").then(definition),
  "config migrate": () => import("./config-migrate.ts").then(definition),
  backup: () => import("./backup.ts").then(definition),
  restore: () => import("./restore.ts").then(definition),
  "plugin new": () => import("./plugin-new.ts").then(definition),
  "credentials check": () => import("./credentials-check.ts").then(definition),
  trust: () => import("./trust.ts").then(definition),
  doctor: () => import("./doctor.ts").then(definition),
  support: () => import("./support.ts").then(definition),
  completion: () => import("./completion.ts").then(({ completionOf }) => completionOf(COMMANDS) as CommandDef),
  version: () => import("./version.ts").then(definition),
};

/** A command's types of arguments do not matter to who runs it. */
function definition(module: { default: unknown }): CommandDef {
  return module.default as CommandDef;
}
