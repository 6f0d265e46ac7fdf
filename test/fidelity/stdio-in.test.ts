import { passThrough } from "./matrix.ts";

passThrough("stdio");
