import { passThrough } from "./matrix.ts";

passThrough("http");
