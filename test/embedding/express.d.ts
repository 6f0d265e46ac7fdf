/** As much of Express as the tests use: its types are a package that is not installed. */
declare module "express" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
  interface Router {
    (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
    use(...handlers: (string | Handler)[]): void;
  }
  interface Express {
    (): Router;
    Router(): Router;
    json(): Handler;
    text(options: { type: string }): Handler;
    raw(options: { type: string }): Handler;
  }
  const express: Express;
  export default express;
}
