import { dirname } from "node:path";
import { hardening, protectHome } from "./hardening.ts";
import { quoted, specifiers } from "./quoting.ts";
import { programArguments, type Service } from "./service-definition.ts";

/**
 * A systemd unit. It is hardened as far as stdio servers, which are any programs, can live with it: V8 and many of them
 * need memory that is writable and executable, containers and browsers need namespaces, and servers write to caches in the home.
 */
export function systemdUnit(service: Service): string {
  const { config, path, stopTimeout, scope } = service;
  return `${[
    `# ${config} as a service. Made by \`mcp-host service\`.`,
    "[Unit]",
    "Description=mcp-host, MCP servers behind one endpoint",
    ...(scope === "system" ? ["Wants=network-online.target", "After=network-online.target"] : []),
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${programArguments(service).map(argument).join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    `WorkingDirectory=${specifiers(dirname(config))}`,
    `Environment=${quoted(`PATH=${path}`)}`,
    "# Variables of the config, a NAME=value a line, for this user's eyes only (mode 0600).",
    `EnvironmentFile=-${scope === "system" ? "/etc/mcp-host/env" : "%h/.config/mcp-host/env"}`,
    "Restart=on-failure",
    "RestartSec=2s",
    "# A wrong command line or config does not get better by itself.",
    "RestartPreventExitStatus=2 3",
    "# The host ends its servers itself, when the calls in flight are done.",
    "KillMode=mixed",
    `TimeoutStopSec=${stopTimeout}s`,
    "",
    ...identity(service),
    "PrivateTmp=yes",
    "ProtectSystem=strict",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    ...(service.harden ? hardening(service) : []),
    "",
    "[Install]",
    `WantedBy=${scope === "system" ? "multi-user.target" : "default.target"}`,
  ].join("\n")}\n`;
}

/** As whom it runs, and where it may write. The control socket is outside of the private /tmp, so that `mcp-host status` finds it. */
function identity(service: Service): string[] {
  const { scope, user, home, harden } = service;
  const runtime = ["RuntimeDirectory=mcp-host", "RuntimeDirectoryMode=0700", "RuntimeDirectoryPreserve=yes"];
  if (scope === "user")
    return [
      ...runtime,
      "# Servers may write to the home and nowhere else. Where the kernel allows no user namespaces the service fails with",
      "# 226/NAMESPACE: remove the next four lines there.",
      "PrivateUsers=yes",
      "ReadWritePaths=%h",
    ];
  const machine = [
    ...runtime,
    "Environment=XDG_RUNTIME_DIR=%t/mcp-host",
    "CapabilityBoundingSet=",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
  ];
  const own = ["StateDirectory=mcp-host", "StateDirectoryMode=0700", "Environment=HOME=%S/mcp-host"];
  if (user === undefined) return ["DynamicUser=yes", ...own, "ProtectHome=yes", ...machine];
  return harden
    ? [`User=${specifiers(user)}`, "# Its home is its state, and not the user's.", ...own, protectHome(service), ...machine]
    : [`User=${specifiers(user)}`, "# Servers may write to the home and nowhere else.", `ReadWritePaths=${quoted(home)}`, ...machine];
}

/** A word of a command line, in which systemd replaces `%x` and `$NAME`. */
function argument(word: string): string {
  return quoted(word.replaceAll("$", "$$$$"));
}
