import { bystanders } from "../harness/bystanders.ts";
import { passThrough } from "./matrix.ts";

// What passes unchanged without plugins does so with plugins that have nothing against it.
passThrough("http", { out: "http", plugins: bystanders() });
