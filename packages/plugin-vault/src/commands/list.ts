import { secretsIn } from "../secrets.ts";
import { type Context, placesOf, targetOf } from "./target.ts";

/** `mcp-host secret list`; a command as citty has them. */
export default {
  meta: { name: "list", description: "List the secrets, how old they are and where the config uses them; no values" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  async run(context: Context<{ json?: boolean }>): Promise<void> {
    const target = targetOf(context);
    const { vault } = target;
    const facts = await vault.read();
    const secrets = secretsIn(facts?.document).map(({ name, changed }) => ({
      name,
      set: new Date(changed).toISOString(),
      usedBy: placesOf(name, target),
    }));
    const names = new Set(secrets.map(({ name }) => name));
    const missing = [...new Set(target.references.map(({ name }) => name))].filter((name) => !names.has(name));
    const unset = missing.map((name) => ({ name, usedBy: placesOf(name, target) }));
    const key = { source: vault.source.name, place: vault.source.place, since: facts?.header.since };
    if (context.args.json) {
      process.stdout.write(`${JSON.stringify({ vault: vault.path, exists: facts !== undefined, key, secrets, unset }, undefined, 2)}\n`);
      return;
    }
    const rows = [
      ...secrets.map(({ name, set, usedBy }) => [name, age(Date.now() - Date.parse(set)), usedBy.join(", ") || "nothing"]),
      ...unset.map(({ name, usedBy }) => [name, "NOT SET", usedBy.join(", ")]),
    ];
    const head = facts ? `vault ${vault.path}, opened by ${vault.source.place}` : `vault ${vault.path} (not there yet)`;
    process.stdout.write(
      `${[head, ...(rows.length === 0 ? ["There are no secrets."] : table([["NAME", "AGE", "USED BY"], ...rows]))].join("\n")}\n`,
    );
  },
};

const UNITS: readonly (readonly [milliseconds: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

function age(milliseconds: number): string {
  const [length, unit] = UNITS.find(([each]) => milliseconds >= each) ?? [1_000, "s"];
  return `${Math.max(0, Math.floor(milliseconds / length))}${unit}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
