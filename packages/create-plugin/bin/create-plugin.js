#!/usr/bin/env node
// Committed, so that npm links the bin before the first build has produced dist/.
import("../dist/index.js").then(
  ({ createPlugin }) => createPlugin(process.argv.slice(2)),
  (error) => {
    const missing = error?.code === "ERR_MODULE_NOT_FOUND" && String(error.message).includes("dist");
    process.stderr.write(missing ? "create-plugin is not built yet: run `npm run build`\n" : `${error?.stack ?? error}\n`);
    process.exitCode = 1;
  },
);
