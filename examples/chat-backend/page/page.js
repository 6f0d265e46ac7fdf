// The page's script. All that comes from the backend is set as text: what a model or a tool says is never markup.
const servers = document.querySelector("#servers");
const conversation = document.querySelector("#conversation");
const question = document.querySelector("#question");
const stop = document.querySelector("#stop");

/** What was said, for the next question. */
const messages = [];
let asking;

function add(parent, kind, text) {
  const element = document.createElement(parent === servers ? "li" : "p");
  element.className = kind;
  element.textContent = text;
  parent.append(element);
  return element;
}

/** Each server by its name, with why it is not ready, and a button to try again. */
function showServers(all) {
  servers.replaceChildren();
  for (const { name, status, reason } of all) {
    const item = add(servers, "server", status === "ready" ? name : `${name} is ${status}${reason ? `: ${reason}` : ""}`);
    item.dataset.status = status;
    if (status !== "down") continue;
    const button = document.createElement("button");
    button.textContent = `Reconnect ${name}`;
    button.addEventListener("click", async () => {
      button.disabled = true;
      await fetch(`api/mcp/server/${encodeURIComponent(name)}/reconnect`, { method: "POST" });
      await look();
    });
    item.append(" ", button);
  }
}

/** Asks how the servers are. Who may not manage the host hears it with the next answer. */
async function look() {
  const answer = await fetch("api/mcp/servers");
  if (answer.ok) showServers((await answer.json()).servers);
}

/** What happens, one thing a line. */
async function* events(body) {
  let rest = "";
  for await (const text of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

/** Not every browser lets a stream be iterated. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function ask(text, signal) {
  messages.push({ role: "user", content: text });
  add(conversation, "user", text);
  const calls = new Map();
  let said; // the paragraph that grows now
  let whole = "";
  const answer = await fetch("api/chat", { method: "POST", body: JSON.stringify({ messages }), signal });
  if (!answer.ok) throw new Error((await answer.json()).error);
  for await (const event of events(answer.body)) {
    switch (event.type) {
      case "servers":
        showServers(event.servers);
        break;
      case "call":
        said = undefined;
        calls.set(event.id, add(conversation, "call", `${event.server ?? "nobody"}: ${event.tool} ${event.arguments}`));
        break;
      case "result": {
        const call = calls.get(event.id);
        call.classList.toggle("failed", event.failed);
        call.append(event.failed ? ` – failed: ${event.reason}` : " – done");
        break;
      }
      case "text":
        said ??= add(conversation, "assistant", "");
        said.append(event.text);
        whole += event.text;
        break;
      case "error":
        throw new Error(event.reason);
    }
  }
  messages.push({ role: "assistant", content: whole });
}

document.querySelector("#ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (text === "" || asking) return;
  question.value = "";
  asking = new AbortController();
  stop.disabled = false;
  try {
    await ask(text, asking.signal);
  } catch (error) {
    if (messages.at(-1)?.role === "user") messages.pop(); // it was not answered
    add(conversation, "error", asking.signal.aborted ? "Stopped." : `That did not work: ${error.message}`);
  } finally {
    asking = undefined;
    stop.disabled = true;
    question.focus();
  }
});
stop.addEventListener("click", () => asking?.abort());
look();
