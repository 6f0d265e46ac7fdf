import { dirname } from "node:path";
import { specifiers } from "./quoting.ts";
import type { Service } from "./service-definition.ts";

/**
 * What `--harden` adds to the unit of a machine: what the host itself and servers from npm and PyPI can live with, and some others
 * cannot. Each group says whom it hurts. Memory stays executable, since V8 and every other compiler at run time needs that.
 */
export function hardening({ config }: Service): string[] {
  return [
    "",
    "# From here on: --harden. Each group says which servers cannot live with it; leave those lines out for them.",
    "# The host writes its state and its socket, and nothing else. A plugin that keeps a file beside the config (keys, an audit log, a store), or",
    "# operators who change the config over HTTP, need this:",
    `#ReadWritePaths=${specifiers(dirname(config))}`,
    "# No server that needs a camera, a GPU, a serial port or another device.",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "# No server that makes containers or a sandbox itself: bubblewrap, rootless podman, a browser with its sandbox (--no-sandbox goes without).",
    "RestrictNamespaces=yes",
    "# No debugger, no mount, no change of the clock or of priorities beyond its own: such calls fail with EPERM, and nothing is killed.",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "# No server that looks at processes of other users.",
    "ProtectProc=invisible",
    "# Nobody's keys and shared memory but its own.",
    "KeyringMode=private",
    "RemoveIPC=yes",
    "PrivateMounts=yes",
    "AmbientCapabilities=",
    "# For the host and all servers together. npx and uvx are programs and downloads of their own: 100 to 300 MB for each server.",
    "MemoryMax=2G",
    "TasksMax=1024",
    "LimitNOFILE=65536",
    "LimitCORE=0",
  ];
}

/** Where homes hold what the service is started with, they can be read still; else they are not there. */
export function protectHome({ node, bin, config }: Service): string {
  return [node, bin, config].some(isInHome) ? "ProtectHome=read-only" : "ProtectHome=yes";
}

/** Whether a file is in a home, where other users have no business. */
export function isInHome(file: string): boolean {
  return /^\/(home|root|Users)\//.test(file);
}
