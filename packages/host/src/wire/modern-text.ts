import { type Id, isObject, type Json, type Request } from "./message.ts";
import { envelopeIn, type ResultType, type Round, type Stamp, serverMeta, stampRequest, stampResult, takesEnvelope } from "./modern.ts";

/**
 * Requests to one server as the text that goes out. What they say of their client is mostly what the one before said, and is
 * not made anew for it.
 */
export class RequestTexts {
  readonly #version: string;
  #last: Stamp | undefined;
  #envelope = "";
  #method = "";
  #methodWritten = "";

  constructor(version: string) {
    this.#version = version;
  }

  /** `JSON.stringify` of the request with its params stamped. */
  of({ id, method, params }: Request, stamp: Stamp, round: Round | undefined): string {
    const written = (round ? undefined : this.#plain(params, stamp)) ?? JSON.stringify(stampRequest(params, this.#version, stamp, round));
    return `{"jsonrpc":"2.0","id":${idText(id)},"method":${this.#methodText(method)},"params":${written}}`;
  }

  /** Params that the envelope is only added to; undefined where there is more to do. */
  #plain(params: Readonly<Json> | undefined, stamp: Stamp): string | undefined {
    let last = "";
    for (const key in params) {
      if (key === "inputResponses" || key === "requestState") return undefined;
      last = key;
    }
    const meta = params?._meta;
    if (meta === undefined) return withMembers(params, `"_meta":{${this.#envelopeOf(stamp)}}`);
    // What it says itself is mostly the host's progress token, which was put at its end.
    if (last !== "_meta" || !isObject(meta) || !takesEnvelope(meta)) return undefined;
    return `${JSON.stringify(params).slice(0, -1 - "}".length)},${this.#envelopeOf(stamp)}}}`;
  }

  #methodText(method: string): string {
    if (method !== this.#method) this.#methodWritten = JSON.stringify(method);
    this.#method = method;
    return this.#methodWritten;
  }

  #envelopeOf(stamp: Stamp): string {
    const last = this.#last;
    // The same object says the same: they are of the caller and of the connection.
    const isSame = last?.info === stamp.info && last.capabilities === stamp.capabilities && last.logLevel === stamp.logLevel;
    if (!isSame) this.#envelope = JSON.stringify(envelopeIn(this.#version, stamp)).slice(1, -1);
    this.#last = stamp;
    return this.#envelope;
  }
}

/** The answers of one server as the text that goes out, to requests whose results say nothing of how long they hold. */
export class ResultTexts {
  readonly #serverInfo: Json;
  readonly #server: string;

  constructor(serverInfo: Json) {
    this.#serverInfo = serverInfo;
    this.#server = JSON.stringify(serverMeta(serverInfo));
  }

  /** `JSON.stringify` of the answer with its result stamped. */
  of(id: Id, result: Readonly<Json>, resultType: ResultType = "complete"): string {
    const isPlain = !("_meta" in result || "resultType" in result);
    const written = isPlain
      ? withMembers(result, `"resultType":"${resultType}","_meta":${this.#server}`)
      : JSON.stringify(stampResult(result, this.#serverInfo, undefined, resultType));
    return `{"jsonrpc":"2.0","id":${idText(id)},"result":${written}}`;
  }
}

const idText = (id: Id): string => (typeof id === "number" ? String(id) : JSON.stringify(id));

/** The text of an object with members more, which it does not have itself. */
function withMembers(object: Readonly<Json> | undefined, members: string): string {
  const text = object ? JSON.stringify(object) : "{}";
  return text === "{}" ? `{${members}}` : `${text.slice(0, -1)},${members}}`;
}
