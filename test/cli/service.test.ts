import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { home, run } from "../harness/cli.ts";
import { BIN, temporary } from "../harness/hosts.ts";

const SCOPES = ["user", "system"] as const;

/** The settings of a unit by section; one that is given more than once has several values. */
function settings(unit: string): Record<string, Record<string, string[]>> {
  const sections: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> = {};
  for (const line of unit.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) sections[name] = section = {};
    else (section[key] ??= []).push(value);
    expect(name ?? key, `"${line}" is no setting`).not.toBe("");
  }
  return sections;
}

test.each(SCOPES)("service systemd --%s names absolute paths and lets the host end in order", async (scope) => {
  using at = home({ mcpServers: {}, drain: "70s" });
  const { code, stdout, stderr } = await run(at, ["service", "systemd", `--${scope}`]);
  expect(code).toBe(0);
  const { Service, Install } = settings(stdout);
  const config = join(at.path, "mcp-host.config.json");
  expect(Service).toMatchObject({
    ExecStart: [`"${process.execPath}" "${BIN}" "start" "http" "--config" "${config}" "--log-format" "json"`],
    ExecReload: ["/bin/kill -HUP $MAINPID"],
    WorkingDirectory: [at.path],
    Restart: ["on-failure"],
    RestartPreventExitStatus: ["2 3"],
    KillMode: ["mixed"],
    TimeoutStopSec: ["90s"],
    NoNewPrivileges: ["yes"],
    PrivateTmp: ["yes"],
    ProtectSystem: ["strict"],
    RestrictAddressFamilies: ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"],
  });
  expect(Install).toEqual({ WantedBy: [scope === "user" ? "default.target" : "multi-user.target"] });
  expect(stderr).toContain(scope === "user" ? "systemctl --user enable --now mcp-host" : "sudo systemctl enable --now mcp-host");
});

test("a machine's service runs as a user of its own where root makes it, else as who makes it, and its socket can be found", async () => {
  using at = home({ mcpServers: {} });
  const { Service } = settings((await run(at, ["service", "systemd", "--system"])).stdout);
  if (userInfo().uid === 0) expect(Service).toMatchObject({ DynamicUser: ["yes"], StateDirectory: ["mcp-host"] });
  else expect(Service).toMatchObject({ User: [userInfo().username] });
  expect(Service?.Environment).toContain("XDG_RUNTIME_DIR=%t/mcp-host");
  expect(Service).toMatchObject({ RuntimeDirectory: ["mcp-host"], RuntimeDirectoryMode: ["0700"] });
});

test("--harden takes from a machine's service what the host does not need, and says whom each group hurts", async () => {
  using at = home({ mcpServers: {} });
  const { code, stdout, stderr } = await run(at, ["service", "systemd", "--system", "--harden"]);
  expect(code, stderr).toBe(0);
  const { Service } = settings(stdout);
  expect(Service).toMatchObject({
    StateDirectory: ["mcp-host"],
    Environment: expect.arrayContaining(["HOME=%S/mcp-host", "XDG_RUNTIME_DIR=%t/mcp-host"]),
    ProtectHome: [expect.stringMatching(/^(yes|read-only)$/)],
    PrivateDevices: ["yes"],
    RestrictNamespaces: ["yes"],
    SystemCallFilter: ["@system-service", "~@privileged @resources"],
    SystemCallErrorNumber: ["EPERM"],
    MemoryMax: ["2G"],
    TasksMax: ["1024"],
  });
  // V8 compiles at run time.
  expect(Service?.MemoryDenyWriteExecute).toBeUndefined();
  expect(stdout).toContain(`\n#ReadWritePaths=${at.path}\n`);
  for (const words of ["bubblewrap", "npx and uvx", "debugger"]) expect(stdout).toContain(words);
  // The command that it prints makes the same unit.
  expect(stderr).toContain("service systemd --system --harden --config");
  const plain = settings((await run(at, ["service", "systemd", "--system"])).stdout);
  expect(plain.Service).not.toHaveProperty("MemoryMax");
  expect(Object.keys(Service ?? {})).toEqual(
    expect.arrayContaining(Object.keys(plain.Service ?? {}).filter((key) => key !== "ReadWritePaths")),
  );
});

test("--harden is refused where it would mean nothing", async () => {
  using at = home({ mcpServers: {} });
  for (const args of [["systemd"], ["systemd", "--user"], ["launchd", "--system"]]) {
    const { code, stdout, stderr } = await run(at, ["service", ...args, "--harden"]);
    expect({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--harden is for");
  }
});

test("a service looks for commands where the shell does, and not where npm alone would", async () => {
  using at = home({ mcpServers: {} });
  mkdirSync(join(at.path, "node_modules/.bin"), { recursive: true });
  const own = join(at.path, "node_modules/.bin");
  const npm = [own, join(at.path, "../node_modules/.bin"), "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin"];
  Object.assign(at.env, { PATH: [...npm, "/bin", "/usr/bin", "/bin"].join(":") });
  const { Service } = settings((await run(at, ["service", "systemd"])).stdout);
  expect(Service?.Environment).toContain(`"PATH=${own}:/bin:/usr/bin"`);
});

/** What no path should hold, and some do. */
const ODD = `50% of "$HOME" & <my> 'files'`;

test("odd characters in paths mean themselves", async () => {
  using at = home({ mcpServers: {} });
  mkdirSync(join(at.path, ODD));
  writeFileSync(join(at.path, ODD, "a.json"), '{"mcpServers":{}}');
  const args = ["--config", join(ODD, "a.json")];
  const { Service } = settings((await run(at, ["service", "systemd", ...args])).stdout);
  expect(Service?.WorkingDirectory).toEqual([`${at.path}/50%% of "$HOME" & <my> 'files'`]);
  expect(Service?.ExecStart?.[0]).toContain(` "${at.path}/50%% of \\"$$HOME\\" & <my> 'files'/a.json" `);
  const { stdout } = await run(at, ["service", "launchd", ...args]);
  expect(plist(stdout)).toMatchObject({ WorkingDirectory: join(at.path, ODD) });
  writeFileSync(join(at.path, "a\nExecStartPre=b.json"), "{}");
  expect(await run(at, ["service", "--config", "a\nExecStartPre=b.json"])).toMatchObject({ code: 2, stdout: "" });
});

/** A property list as Python's standard library reads it. */
function plist(text: string): Record<string, unknown> {
  const script = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
  const { status, stdout, stderr } = spawnSync("python3", ["-c", script], { input: text, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

test("service launchd is a property list that names absolute paths", async () => {
  using at = home({ mcpServers: {} });
  const { code, stdout, stderr } = await run(at, ["service", "launchd"], { HOME: "/Users/me" });
  expect(code).toBe(0);
  expect(plist(stdout)).toMatchObject({
    Label: "mcp-host",
    ProgramArguments: [process.execPath, BIN, "start", "http", "--config", join(at.path, "mcp-host.config.json"), "--log-format", "json"],
    KeepAlive: { SuccessfulExit: false },
    ExitTimeOut: 30,
    Umask: 0o077,
    StandardErrorPath: "/Users/me/Library/Logs/mcp-host.log",
  });
  expect(stderr).toContain("launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/mcp-host.plist");
  const system = await run(at, ["service", "launchd", "--system"]);
  expect(plist(system.stdout)).toMatchObject({ StandardErrorPath: "/Library/Logs/mcp-host.log" });
  expect(system.stderr).toContain("sudo launchctl bootstrap system /Library/LaunchDaemons/mcp-host.plist");
});

test.each([
  ["systemd", "user", "/.config/systemd/user/mcp-host.service", { log: "journalctl --user -u mcp-host -f" }],
  ["launchd", "system", "/Library/LaunchDaemons/mcp-host.plist", { disable: "sudo launchctl bootout system/mcp-host" }],
])("service %s --%s --json is the same text, the place where it goes and the commands", async (manager, scope, file, more) => {
  using at = home({ mcpServers: { a: { command: "a", env: { TOKEN: "${NOT_SET_HERE}" } } } });
  const args = ["service", manager, `--${scope}`];
  const words = await run(at, args);
  const { code, stdout, stderr } = await run(at, [...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const told = JSON.parse(stdout);
  const path = scope === "user" ? join(homedir(), file) : file;
  expect(told).toMatchObject({ manager, scope, path, text: words.stdout, warnings: [expect.stringContaining("NOT_SET_HERE")], ...more });
  for (const command of told.enable) expect(words.stderr).toContain(`\n  ${command}\n`);
});

test("a config that needs what only the service will have is no obstacle; one that is missing is", async () => {
  using at = home({ mcpServers: { a: { command: "a", env: { TOKEN: "${NOT_SET_HERE}" } } } });
  const { code, stdout, stderr } = await run(at, ["service", "systemd"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("NOT_SET_HERE") });
  expect(settings(stdout).Service).toMatchObject({ TimeoutStopSec: ["30s"] });
  using empty = home();
  expect(await run(empty, ["service"])).toMatchObject({ code: 3, stdout: "" });
  expect(await run(at, ["service", "--user", "--system"])).toMatchObject({ code: 2, stdout: "" });
});

const isInstalled = spawnSync("systemd-analyze", ["--version"]).status === 0;
const reason = isInstalled ? "" : " (skipped: systemd-analyze is not installed; it is in Debian's package systemd)";

describe.skipIf(!isInstalled)(`systemd-analyze${reason}`, () => {
  test.each(SCOPES)("has nothing to say against the unit of a %s", async (scope) => {
    using at = home({ mcpServers: {} });
    mkdirSync(join(at.path, ODD));
    writeFileSync(join(at.path, ODD, "a.json"), '{"mcpServers":{}}');
    using folder = temporary();
    const unit = join(folder.path, "mcp-host.service");
    for (const config of ["mcp-host.config.json", join(ODD, "a.json")]) {
      writeFileSync(unit, (await run(at, ["service", "systemd", `--${scope}`, "--config", config])).stdout);
      chmodSync(unit, 0o644);
      const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", `--${scope}`, "--man=no", unit], {
        env: { ...process.env, XDG_RUNTIME_DIR: folder.path },
        encoding: "utf8",
      });
      expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
    }
  });

  test("takes the hardened unit, and finds little that a service of this kind could still be spared", async () => {
    using at = home({ mcpServers: {} });
    using folder = temporary();
    const unit = join(folder.path, "mcp-host.service");
    writeFileSync(unit, (await run(at, ["service", "systemd", "--system", "--harden"])).stdout);
    chmodSync(unit, 0o644);
    const analyze = (...args: string[]) =>
      spawnSync("systemd-analyze", args, { env: { ...process.env, XDG_RUNTIME_DIR: folder.path }, encoding: "utf8" });
    const { status, stdout, stderr } = analyze("verify", "--system", "--man=no", unit);
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
    // 1.3 of 10: the network, and memory that V8 compiles into. It ends with 1 above 2.0.
    const judged = analyze("security", "--offline=true", "--no-pager", "--threshold=20", unit);
    expect(judged.status, judged.stdout + judged.stderr).toBe(0);
  });
});
