// Before a package is packed: removes what earlier builds left in its dist and has no source any more. The compiler never does.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

for (const file of readdirSync("dist", { recursive: true, encoding: "utf8" })) {
  const [, stem] = /^(.+?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(file) ?? [];
  if (stem !== undefined && !existsSync(join("src", `${stem}.ts`))) rmSync(join("dist", file), { force: true });
}
