import { matrix } from "./matrix.ts";

matrix("websocket");
