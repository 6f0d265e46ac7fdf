import { matrix } from "./matrix.ts";

matrix("http");
