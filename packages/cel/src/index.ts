export { type Condition, compile } from "./condition.ts";
export { type Facts, factsOf } from "./facts.ts";
export { condition } from "./option.ts";
