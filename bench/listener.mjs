// A plugin that listens to the trace and makes nothing of it: what is measured is the host's part.
import { definePlugin } from "../packages/host/dist/index.js";

export default definePlugin({
  name: "listener",
  host: "^1.0.0",
  apply(host) {
    host.trace(() => {});
  },
});
