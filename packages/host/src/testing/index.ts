export { type ContractRequest, contractUpstream } from "./contract-upstream.ts";
export { FakeClock } from "./fake-clock.ts";
export type { FakeCall, FakeContext, FakePrompt, FakeResource, FakeTemplate, FakeTool, FakeUpstreamSpec } from "./fake-server.ts";
export { type FakeFault, type FakeRequest, type FakeUpstream, fakeUpstream } from "./fake-upstream.ts";
export { JsonRpcError as FakeRpcError, JsonRpcError as TestRpcError } from "./json-rpc-end.ts";
export { type RequestOptions, TestClient, type TestClientOptions, type TestNotification } from "./test-client.ts";
export { createTestHost, type TestHost, type TestHostOptions, type TestLogLine } from "./test-host.ts";
export { type PluginCases, testPlugin } from "./test-plugin.ts";
export { type StoreCases, type StoreProvider, testStore } from "./test-store.ts";
