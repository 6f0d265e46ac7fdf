export { stateFolder } from "./config/backup.ts";
export type { ConfigContext } from "./config/code.ts";
export { nearest } from "./config/nearest.ts";
export { type Config, type ConfigFunction, defineConfig, type ResolvedConfig, type UpstreamConfig } from "./config/schema.ts";
export { duration, size } from "./config/units.ts";
export type { VariableSource } from "./config/variable-source.ts";
export { credentialsPath } from "./config/variables.ts";
export { ConfigError, ERRORS, type ErrorType, HostError, isRefusal, refuse, type Sent } from "./errors.ts";
export type { Awaitable } from "./exchange/awaitable.ts";
export type { Caller, ClientFacts, Principal } from "./exchange/caller.ts";
export { countingKey } from "./exchange/counting-key.ts";
export type { Entry, EntryKind } from "./exchange/entry.ts";
export type {
  Attempt,
  Decision,
  Exchange,
  HttpOrigin,
  Outcome,
  OwnAskOptions,
  OwnCallOptions,
  Progress,
  Route,
  Site,
  TimeLimits,
} from "./exchange/exchange.ts";
export { globParts, matcher } from "./exchange/matcher.ts";
export type { Method, MethodParams } from "./exchange/methods.ts";
export type { TraceChange, TraceDeed, TraceListener, TraceOptions, TraceSpan } from "./exchange/trace.ts";
export type { ConnectionState, Credentials, CredentialsRequest, UpstreamFacts } from "./exchange/upstream-facts.ts";
export { plainUri, type UriTest, uriMatcher } from "./exchange/uri-matcher.ts";
export { isPartOf } from "./exchange/uri-part.ts";
export type { RequestHandler } from "./front/mount.ts";
export type { EmbeddingApi } from "./host/api.ts";
export type { Guard, GuardOptions, HandlerOptions } from "./host/handler.ts";
export type { Fitness, HostHealth, Readiness, UpstreamHealth } from "./host/health.ts";
export type { Host } from "./host/host.ts";
export type { CallOptions } from "./host/local-clients.ts";
export type { HostOperator } from "./host/operated-host.ts";
export type { HostOptions, OperatorControls } from "./host/options.ts";
export type { Changes, ReloadReport } from "./host/reload.ts";
export type { HostStats, UpstreamStats } from "./host/stats.ts";
export { createLogger, type LogFields, type Logger, type LogLevel, type LogOptions, type LogRecord } from "./log.ts";
export { callRunningHost, type HostChoice, type Reloaded, reloadRunningHosts } from "./operator/control-client.ts";
export { createHost } from "./operator/create-host.ts";
export { type ChoiceFlags, choiceArgs, choiceOf, jsonArgs } from "./operator/host-choice.ts";
export { openBrowser } from "./operator/open-browser.ts";
export type { TraceFacts } from "./operator/trace-record.ts";
export { UsageError } from "./operator/usage-error.ts";
export { CALLER_TOKENS, type CallerToken, type CallerTokens } from "./plugin/caller-tokens.ts";
export type { Clock, PluginClock } from "./plugin/clock.ts";
export type {
  Ask,
  Handler,
  HttpArrival,
  HttpFacts,
  NotificationOrigin,
  OperatedEvent,
  OwnAnswer,
  Refused,
  RefusedEvent,
  SessionEvent,
  Tappable,
  TappableMap,
  UpstreamEvent,
} from "./plugin/hook-types.ts";
export type { HookName, Hooks } from "./plugin/hooks.ts";
export type { HostStatus, UpstreamStatus } from "./plugin/host-status.ts";
export type { LogListener, PluginLog } from "./plugin/log-listeners.ts";
export type { Counter, Instrument, InstrumentFacts, LabelValues, Meter, Reading } from "./plugin/meter.ts";
export {
  defineTool,
  type Offer,
  type OfferCompletion,
  type OfferContent,
  type OfferContents,
  type OfferContext,
  type OfferedToAll,
  type OfferedToEach,
  type Offering,
  type OfferPrompt,
  type OfferPromptArgument,
  type OfferResource,
  type OfferSchema,
  type OfferTemplate,
  type OfferTool,
  type OfferToolResult,
} from "./plugin/offering.ts";
export { type Followed, type OperationFacts, type OperationInfo, SCOPES, type Scope, type Who } from "./plugin/operations.ts";
export {
  definePlugin,
  defineService,
  type ExpectedUpstream,
  type KeptFile,
  type Operate,
  type Plugin,
  type PluginCommandData,
  type PluginDefinition,
  type PluginFactory,
  type PluginFinding,
  type PluginHost,
  type Service,
  type VariableContext,
  type VariableReference,
} from "./plugin/plugin.ts";
export type { Random } from "./plugin/random.ts";
export type { RouteRequest } from "./plugin/request-principals.ts";
export type { Lease, SecretStore, Store } from "./plugin/store.ts";
export { SECRET_STORE, STORE } from "./plugin/stores.ts";
export type {
  TransportContext,
  TransportFactory,
  TransportRegistry,
  TransportServer,
  TransportSettings,
} from "./plugin/transport-registry.ts";
export { redactLine, redactMessage, redactText, registerSecret, registerSecretShape } from "./redact.ts";
export { outcomeName } from "./session/session.ts";
export { retryAfter } from "./upstream/http-failure.ts";
export { KeptConnections } from "./upstream/kept-connections.ts";
export { type PeerCertificate, type PeerCertificateOptions, peerCertificate } from "./upstream/peer-certificate.ts";
export { proxiedFetch } from "./upstream/proxied-fetch.ts";
export { API_VERSION, VERSION } from "./version.ts";
export { BoundedMap } from "./wire/bounded-map.ts";
export { canonicalJson } from "./wire/canonical-json.ts";
export { withDeadline } from "./wire/deadline.ts";
export { type KeptText, KeptTexts, type KeptTextsOptions } from "./wire/kept-texts.ts";
export { isLoopback, isSafeUrl } from "./wire/loopback.ts";
export { isObject, type Json } from "./wire/message.ts";
export type { Freshness } from "./wire/modern.ts";
export { PeerError } from "./wire/peer-error.ts";
export { isModern } from "./wire/versions.ts";
export { webhookHeaderProblem } from "./wire/webhook-headers.ts";
export { WebhookSigner, webhookKey } from "./wire/webhook-signer.ts";
