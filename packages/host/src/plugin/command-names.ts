/** The first words of the command line that are the host's own: no plugin may be called so. */
export const COMMAND_NAMES: ReadonlySet<string> = new Set([
  ...["init", "migrate", "client-config", "install", "uninstall"],
  ...["start", "stop", "restart", "service"],
  ...["dev", "validate", "list", "tokens", "call", "resources", "read", "prompt", "subscribe"],
  ...["search", "add", "remove", "enable", "disable", "reconnect", "drain"],
  ...["status", "logs", "trace", "reload", "inspect"],
  ...["schema", "config", "plugin", "credentials", "backup", "restore", "trust", "doctor", "support", "completion", "version", "help"],
]);
