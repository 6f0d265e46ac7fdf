/**
 * What the pages of `docs/hooks` say besides the table of hooks: when a hook is asked and when not, what becomes of whom it was asked for where
 * a tap throws, and which errors come of it.
 */
export const HOOK_WORDS = {
  admit: {
    asked:
      "For every HTTP request, of MCP clients over any HTTP transport and of routes that plugins mount, before `authenticate`. `Host` and `Origin` were checked before. Once more where a reload came between.",
    not: "For `/healthz` and `/readyz`, on stdio, and for clients in process.",
    thrown: "The request is answered with the HTTP status of the error and goes no further; `refused` tells of it.",
    errors: ["forbidden", "rate_limited", "overloaded", "plugin_failure"],
  },
  authenticate: {
    asked: "For every HTTP request that `admit` let in, until one tap gives a principal. Once more where a reload came between.",
    not: "On stdio and for clients in process, who are `local` or whom the program names; for `/healthz`, `/readyz` and public routes; where the program around the host says who it is (`authenticate` of `createHost`) and did.",
    thrown: "The request is answered with the HTTP status of the error; no other tap is asked.",
    errors: ["unauthorized", "insufficient_scope", "plugin_failure"],
  },
  principal: {
    asked: "For every HTTP request whose principal `authenticate` gave, tap after tap, each with what the one before gave.",
    not: "For `anonymous`, on stdio and for clients in process.",
    thrown: "The request is answered with the HTTP status of the error.",
    errors: ["forbidden", "plugin_failure"],
  },
  refused: {
    asked: "When the host has turned away an HTTP request, or a client's notification, and knows how it is answered.",
    not: "For requests that became an exchange: `settled` has those, refused ones too. For what was never a request, such as bytes that are no HTTP.",
    errors: [],
  },
  session: {
    asked:
      "When a client has opened a session, and when it is over, however it ended. At its beginning nothing is known of the program yet: `session.client` has it once the client is initialized.",
    not: "For single requests, which `settled` has; for clients of 2026-07-28, which have no sessions: what one opens on stdio is closed as soon as its first request says what it is.",
    errors: [],
  },
  upstream: {
    asked:
      "When a connection to an upstream changes its state, with the reason where there is one. An upstream that is not shared has several connections, each of which tells.",
    not: "For calls that fail on a connection that stays: `settled` has those.",
    errors: [],
  },
  credentials: {
    asked:
      "When a connection is made, when an HTTP upstream answers 401 or wants more scope, and before a use of what has expired. Who asks meanwhile waits for the same answer. `request.reason` says which it is.",
    not: "Per call; for upstreams without credentials of the wire, such as a transport in process. Whose connection is shared is nobody's own: `request.principal` is undefined there, and `host.isolate` changes that.",
    thrown: "The connection is not made, and its calls fail with the error. The same credentials again after a 401 are not tried.",
    errors: ["sign_in_required", "upstream_auth", "plugin_failure"],
  },
  discover: {
    asked:
      "When an upstream's lists were read: at the start, when it says that they changed, after a reconnect, and after a reload that changed the plugins.",
    not: "When a client lists or calls something. For what `host.permits` asks.",
    thrown: "Nothing of this upstream is offered until its lists are read again, since the tap may have been about to hide something.",
    errors: [],
  },
  merge: {
    asked:
      "When the catalog is put together anew, because a list of some upstream changed, with the entries of all, as `discover` left them.",
    not: "When a client lists or calls something.",
    thrown: "Nothing at all is offered until the catalog is put together again, since the tap may have been about to hide something.",
    errors: [],
  },
  route: {
    asked:
      "For each request that names an entry or has a method of a server's own, after the name was looked up, until one tap gives a route. Again where nothing was sent on the last one, or it was lost and may run twice (`exchange.attempts` has it).",
    not: "For subscriptions, tasks and lists; for the next round of a question of a server of 2026-07-28, which goes where the question came from. [Which methods](../pipeline.md#what-each-method-passes-through).",
    thrown: "The request fails with the error.",
    errors: ["upstream_down", "plugin_failure"],
  },
  permit: {
    asked:
      "For each entry of a list, and for what a request names: after `route` without the exchange, after `transform` with it. So it has to be fast, and to answer the same as long as `host.catalog.invalidate()` says nothing else.",
    not: "For methods without *permit* in [the table](../pipeline.md#what-each-method-passes-through); for entries that the config leaves out, which are not there for anybody.",
    thrown:
      "It is a no: the entry is not listed, and a call of it is answered as one of an unknown name, or with `forbidden` where only its arguments make it a no. A `refuse` may say which rule it is with `{ rule }`; its words are told to nobody.",
    errors: ["invalid_params", "resource_not_found", "forbidden", "method_not_found"],
  },
  list: {
    asked:
      "For each list that a client asks for, with the entries of one kind that `permit` lets it use; and to find out whether its lists changed.",
    not: "When a client calls something: what the hook leaves out can still be called.",
    thrown: "The list fails with the error. Where only changes were looked for, the list counts as empty.",
    errors: ["plugin_failure"],
  },
  transform: {
    asked:
      "Before the call stage, tap after tap, each with what the one before gave; for notifications of clients that the protocol does not have, too.",
    not: "For lists, subscriptions and tasks. [Which methods](../pipeline.md#what-each-method-passes-through).",
    thrown: "The request fails with the error, and nothing is sent. A notification is dropped, and `refused` tells of it.",
    errors: ["forbidden", "invalid_params", "rate_limited", "plugin_failure"],
  },
  authorize: {
    asked: "Once per request, after the second `permit`, with the arguments that are really sent, until one tap says no.",
    not: "For lists, subscriptions and tasks. [Which methods](../pipeline.md#what-each-method-passes-through).",
    thrown: "It is a no: the request fails with the error, and nothing is sent.",
    errors: ["forbidden", "insufficient_scope", "plugin_failure"],
  },
  call: {
    asked:
      "Once per upstream and method, before the first call of it, to make a handler; the handler is asked for each call from then on. What it made outlives reloads that concern neither its plugin nor its upstream. A handler that gives a result without `next` answers in the upstream's place.",
    not: "For what the host answers itself. [Which methods](../pipeline.md#what-each-method-passes-through). A tap that gives `next` back, or nothing, is out of the way of this upstream.",
    thrown:
      "The request fails with the error. What `next` throws (a HostError, an upstream's PeerError) passes through a handler as it is and is no failure of the plugin.",
    errors: ["upstream_down", "upstream_timeout", "upstream_lost", "circuit_open", "plugin_failure"],
  },
  respond: {
    asked: "For each result on its way to the client, tap after tap; of a task, when its result is fetched, by the method that began it.",
    not: "For errors, which pass `fail`, and for rounds of questions (`input_required`). [Which methods](../pipeline.md#what-each-method-passes-through).",
    thrown: "The client gets the error in the place of the result.",
    errors: ["forbidden", "payload_too_large", "plugin_failure"],
  },
  fail: {
    asked:
      "For each JSON-RPC error on its way to the client, the host's own and those of upstreams, tap after tap; for a client's error on its way to who asked it.",
    not: "For results with `isError`, which pass `respond`; for requests that are turned away at the HTTP edge; where a request was cancelled, which has no answer.",
    thrown: "The client gets this error, and nothing of the one that it is in the place of.",
    errors: ["plugin_failure"],
  },
  settled: {
    asked:
      "Exactly once for every request, whatever became of it, and for every question; when `exchange.outcome` is known and before the host forgets the exchange.",
    not: "For notifications and for what was turned away at the HTTP edge, which `refused` has.",
    errors: [],
  },
  ask: {
    asked:
      "For each question of an upstream, and of a plugin (`exchange.ask`), before the client gets it. `exchange.parent` is the call that it belongs to, as far as that is known.",
    not: "For questions that the client did not declare to take, which are refused before.",
    thrown: "Whoever asked gets the error, and the client hears nothing.",
    errors: ["forbidden", "client_gone", "plugin_failure"],
  },
  answer: {
    asked: "For each result of a client on its way to who asked, tap after tap.",
    not: "For a client's error, which passes `fail`; for an answer that an `ask` tap gave.",
    thrown: "Whoever asked gets the error in the place of the answer.",
    errors: ["forbidden", "plugin_failure"],
  },
  notify: {
    asked: "For each notification of an upstream, once, before it is known who gets it.",
    not: "For what the host says by itself, such as changes of lists that plugins made; for notifications of clients, which pass `transform` where the protocol does not have them.",
    thrown:
      "The notification is dropped, since the tap may have been about to redact it. `refuse` is a throw like any other here, as nobody is there to be told: it is logged as a failure of the plugin. To drop a notification on purpose, give `null`.",
    errors: [],
  },
  http: {
    asked:
      "When the host opens its port, or a handler for another server, and again by a reload: the routes are those of the new set of plugins.",
    not: "Per request: the routes are. Where the host listens nowhere.",
    thrown: "What the tap itself throws is logged, and what it had not mounted yet is not there.",
    errors: ["not_found", "plugin_failure"],
  },
  operated: {
    asked:
      "When something that an operator had done is over, well or not: from the command line, by a signal, by a program or by a plugin.",
    not: "For operations that only read (`reads: true`), such as `mcp-host status`.",
    errors: [],
  },
  ready: {
    asked:
      "When all plugins are applied, plugin after plugin in config order, before the first client is served; by a reload only for plugins that it applied anew.",
    not: "For a plugin that a reload left as it is.",
    thrown:
      "The host does not start, and a reload changes nothing; whoever started it is told why. `throw new ConfigError([...])` is told in your words alone.",
    errors: [],
  },
  close: {
    asked:
      "When the host stops, plugin after plugin in config order, but who [provides a service](../plugins.md#services), a store too, behind all who provide none, and behind those who used it: what is written in a tap of `close` is kept, wherever the store's plugin stands. Also when a reload takes the plugin out or applies it anew: after its last exchange, together with whatever else goes, providers last. `host.signal` is aborted behind the plugin's own taps, and so a provider's after everybody's.",
    not: "Where the process is killed.",
    thrown: "The failure is logged, and the host goes on to stop.",
    errors: [],
  },
};
