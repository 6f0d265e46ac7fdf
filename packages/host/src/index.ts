export type { CallOptions } from "./asking.ts";
export { callRunningHost, type HostChoice } from "./cli/ask.ts";
export type { ConfigContext } from "./config/code.ts";
export { nearest } from "./config/nearest.ts";
export { type Config, type ConfigFunction, defineConfig, type ResolvedConfig, type UpstreamConfig } from "./config/schema.ts";
export { duration, size } from "./config/units.ts";
export { ConfigError, ERRORS, type ErrorType, HostError, isRefusal, PeerError, refuse, type Sent } from "./errors.ts";
export { isLoopback } from "./front/edge.ts";
export type { HandlerOptions, RequestHandler } from "./handler.ts";
export { createHost, Host, type HostOptions, VERSION } from "./host.ts";
export { createLogger, type LogFields, type Logger, type LogLevel, type LogOptions } from "./log.ts";
export { globParts, matcher } from "./matcher.ts";
export type { Counter, Instrument, InstrumentFacts, LabelValues, Meter, Reading } from "./meter.ts";
export type { Entry, EntryKind } from "./pipeline/entry.ts";
export type { Attempt, ClientFacts, Exchange, Outcome, Patience, Principal, Route, SessionFacts } from "./pipeline/exchange.ts";
export type {
  Ask,
  Awaitable,
  ConnectionState,
  Credentials,
  CredentialsRequest,
  Handler,
  HookName,
  Hooks,
  HttpFacts,
  Origin,
  OwnAnswer,
  SessionEvent,
  Tappable,
  TappableMap,
  UpstreamEvent,
  UpstreamFacts,
} from "./pipeline/hooks.ts";
export type { Method, MethodParams } from "./pipeline/methods.ts";
export {
  API_VERSION,
  definePlugin,
  defineService,
  type ExpectedUpstream,
  type Plugin,
  type PluginCommandData,
  type PluginDefinition,
  type PluginFactory,
  type PluginHost,
  type Service,
} from "./plugin.ts";
export { STORE } from "./plugin-set.ts";
export { registerSecret } from "./redact.ts";
export type { Changes, ReloadReport } from "./reload.ts";
export type { HostStatus, UpstreamStatus } from "./status.ts";
export type { Store } from "./store.ts";
export type {
  TransportContext,
  TransportFactory,
  TransportRegistry,
  TransportServer,
  TransportSettings,
} from "./transports.ts";
export { plainUri, type UriTest, uriMatcher } from "./uri-spellings.ts";
export type { Fitness, HostHealth, HostStats, UpstreamHealth, UpstreamStats } from "./vitals.ts";
export type { Json } from "./wire/message.ts";
