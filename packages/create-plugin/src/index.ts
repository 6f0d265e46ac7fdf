/**
 * Writes a package with a new plugin: `mcp-host plugin new` of the host that this package depends on, so that what is written fits that
 * version. It ends the process with the exit code of that command.
 */
export async function createPlugin(argv: readonly string[]): Promise<void> {
  const program = new URL("./bin/mcp-host.js", import.meta.resolve("mcp-host/package.json"));
  process.argv.splice(2, Number.POSITIVE_INFINITY, "plugin", "new", ...argv);
  await import(program.href);
}
