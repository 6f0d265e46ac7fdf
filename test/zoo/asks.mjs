// Requests of the zoo, each with the name that results.json has of it.

export const call = (name, args = {}) => ask("tools/call", name, { name, arguments: args });
export const read = (uri) => ask("resources/read", uri, { uri });
export const prompt = (name, args) => ask("prompts/get", name, { name, ...(args && { arguments: args }) });
export const complete = (ref, argument) => ask("completion/complete", ref.name ?? ref.uri, { ref, argument });

function ask(method, what, params) {
  return { name: `${method} ${what}`, method, params };
}
