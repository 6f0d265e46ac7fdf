import { passThrough } from "./matrix.ts";

passThrough("websocket");
