import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";

/**
 * What stays behind when the host is killed and can end nothing any more: a shell that reads from the host which process groups
 * live (`+ 123`, `- 123`). The end of its input is the end of the host; servers have a second to notice the end of theirs, then their
 * groups are killed. It takes no signal, for it has to be there after everybody else.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
[ "$groups" = ' ' ] && exit
sleep 1
for group in $groups; do kill -s KILL -- "-$group"; done
`;

const groups = new Set<number>();
let watchdog: ChildProcess | undefined;

/** Has a process group killed if this process dies without ending it, be it by SIGKILL. Windows does that by itself. */
export function watchGroup(group: number): void {
  if (process.platform === "win32") return;
  groups.add(group);
  if (watchdog) watchdog.stdin?.write(`+ ${group}\n`);
  else watchdog = start();
}

/** The group has been ended. */
export function releaseGroup(group: number): void {
  if (!groups.delete(group)) return;
  watchdog?.stdin?.write(`- ${group}\n`);
  if (groups.size > 0) return;
  watchdog?.stdin?.end(); // with nobody left to watch it goes
  watchdog = undefined;
}

function start(): ChildProcess {
  const { PATH = "/usr/bin:/bin" } = process.env;
  const started = spawn("/bin/sh", ["-c", SCRIPT], { cwd: "/", env: { PATH }, stdio: ["pipe", "ignore", "ignore"], detached: true });
  const gone = (): void => {
    if (watchdog === started) watchdog = undefined; // the next child gets a new one
  };
  started.once("error", gone); // no shell here, as in images that hold nothing but Node.js
  started.once("exit", gone);
  started.stdin.on("error", gone);
  for (const group of groups) started.stdin.write(`+ ${group}\n`);
  // It waits for the host, the host does not wait for it.
  started.unref();
  (started.stdin as Socket).unref(); // what a pipe is; the type says only that it can be written to
  return started;
}
