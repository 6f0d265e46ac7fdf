import { bystanders } from "../harness/bystanders.ts";
import { crowds } from "./crowds.ts";

// What keeps clients apart does so with plugins on every hook.
crowds(bystanders());
