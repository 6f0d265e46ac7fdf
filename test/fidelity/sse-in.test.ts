import { passThrough } from "./matrix.ts";

passThrough("sse");
