import { passThrough } from "./matrix.ts";

passThrough("memory");
