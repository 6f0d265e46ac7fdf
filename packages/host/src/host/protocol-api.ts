import type {
  CallToolResult,
  CompleteResult,
  GetPromptResult,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types.js";
import type { EmbeddingApi } from "./api.ts";
import type { CallOptions, LocalClients } from "./local-clients.ts";

/** The protocol, for the program that a host is a part of. */
export abstract class ProtocolApi {
  protected abstract readonly clients: LocalClients;

  listTools(options?: CallOptions): Promise<ListToolsResult> {
    return this.clients.list("tools/list", "tools", options);
  }

  callTool(name: string, args: Record<string, unknown> = {}, options?: CallOptions): Promise<CallToolResult> {
    return this.clients.ask("tools/call", { name, arguments: args }, options);
  }

  listResources(options?: CallOptions): Promise<ListResourcesResult> {
    return this.clients.list("resources/list", "resources", options);
  }

  listResourceTemplates(options?: CallOptions): Promise<ListResourceTemplatesResult> {
    return this.clients.list("resources/templates/list", "resourceTemplates", options);
  }

  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult> {
    return this.clients.ask("resources/read", { uri }, options);
  }

  listPrompts(options?: CallOptions): Promise<ListPromptsResult> {
    return this.clients.list("prompts/list", "prompts", options);
  }

  getPrompt(name: string, args: Record<string, string> = {}, options?: CallOptions): Promise<GetPromptResult> {
    return this.clients.ask("prompts/get", { name, arguments: args }, options);
  }

  complete(...[ref, argument, context, options]: Parameters<EmbeddingApi["complete"]>): Promise<CompleteResult> {
    return this.clients.ask("completion/complete", { ref, argument, ...(context && { context }) }, options);
  }
}
