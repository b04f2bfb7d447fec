// What agents' command lines print, one JSON object on each line, as the events of a conversation:
// {type: "user"|"text"|"toolUse"|"toolResult"|"request"|"result"|"error"|"compaction", …}, with the names that
// "keeperctl turn --json" has. Lines that are none of that give nothing.

/** Whether a command looks like an agent that speaks this way. */
export function isAgent(command, labels) {
	if (labels?.conversation || labels?.agent) return true;
	const text = (command ?? []).join(" ");
	return /stream-json|app-server/.test(text);
}

export function protocolOf(command) {
	return (command ?? []).join(" ").includes("app-server") ? "codex" : "stream-json";
}

/** Reads lines one after the other; some say twice what they say, first in pieces and then as a whole. */
export class AgentReader {
	#streamed = "";
	#known = new Set();

	read(line) {
		if (line[0] !== "{") return [];
		let message;
		try {
			message = JSON.parse(line);
		} catch {
			return [];
		}
		return message.method ? this.#codex(message) : this.#streamJSON(message);
	}

	#isNew(key) {
		if (this.#known.has(key)) return false;
		this.#known.add(key);
		return true;
	}

	#piece(text) {
		this.#streamed += text;
		return [{ type: "text", text }];
	}

	/** What of a whole text has not come in pieces. */
	#rest(text) {
		const printed = this.#streamed;
		this.#streamed = "";
		if (!printed) return text ? [{ type: "text", text, isWhole: true }] : [];
		const rest = text.startsWith(printed) ? text.slice(printed.length) : "";
		return [{ type: "text", text: rest, isEnd: true }];
	}

	#streamJSON(message) {
		const parent = message.parent_tool_use_id ?? undefined;
		switch (message.type) {
			case "assistant":
			case "user":
				if (message.uuid && !this.#isNew(message.uuid)) return [];
				return this.#blocks(message.message?.content, message.type, parent);
			case "stream_event": {
				if (parent) return [];
				const delta = message.event?.delta;
				if (message.event?.type === "message_start") this.#streamed = "";
				return delta?.type === "text_delta" ? this.#piece(String(delta.text)) : [];
			}
			case "system":
				return message.subtype === "compact_boundary" ? [{ type: "compaction" }] : [];
			case "control_request":
				return [{ type: "request", request: message }];
			case "error":
				return [{ type: "error", message: message.error?.message ?? String(message.error ?? "an error") }];
			case "result":
				return [{
					type: "result", isError: Boolean(message.is_error), costUSD: message.total_cost_usd,
					durationMs: message.duration_ms, usage: message.usage,
					message: message.is_error ? message.result || message.errors?.[0] || message.subtype : undefined,
				}];
			default:
				return [];
		}
	}

	#blocks(content, speaker, parent) {
		const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
		if (!Array.isArray(blocks)) return [];
		return blocks.flatMap((block) => {
			const type = block?.type ?? "";
			if (type === "text") {
				const text = String(block.text ?? "");
				if (speaker === "user") return parent ? [] : [{ type: "user", text }];
				return parent ? [{ type: "text", text, parent }] : this.#rest(text);
			}
			if (type.endsWith("tool_use")) {
				return this.#isNew(`u${block.id}`)
					? [{ type: "toolUse", id: block.id, name: block.name, input: block.input, parent }] : [];
			}
			if (type.endsWith("tool_result")) {
				return this.#isNew(`r${block.tool_use_id}`)
					? [{ type: "toolResult", id: block.tool_use_id, isError: Boolean(block.is_error), content: block.content }]
					: [];
			}
			return [];
		});
	}

	#codex({ method, params = {} }) {
		switch (method) {
			case "item/agentMessage/delta":
				return this.#piece(String(params.delta ?? ""));
			case "item/started":
			case "item/completed":
				return this.#item(params.item ?? {}, method === "item/completed");
			case "thread/compacted":
				return [{ type: "compaction" }];
			case "error":
				return params.willRetry ? [] : [{ type: "error", message: params.error?.message ?? "an error" }];
			case "turn/completed":
				return [{
					type: "result", isError: params.turn?.status === "failed", message: params.turn?.error?.message,
					usage: params.usage ?? params.turn?.usage,
				}];
			default:
				return /requestApproval|Approval$/.test(method) ? [{ type: "request", request: params }] : [];
		}
	}

	#item(item, isDone) {
		switch (item.type) {
			case "agentMessage":
				return isDone ? this.#rest(String(item.text ?? "")) : [];
			case "userMessage":
				return isDone ? this.#blocks(item.content, "user") : [];
			case "reasoning":
			case "plan":
			case undefined:
				return [];
			default: {
				const name = item.tool ?? item.type;
				const events = this.#isNew(`u${item.id}`) ? [{ type: "toolUse", id: item.id, name, input: item.command ?? item }] : [];
				if (isDone && this.#isNew(`r${item.id}`)) {
					const isError = item.status === "failed" || item.status === "declined";
					events.push({ type: "toolResult", id: item.id, isError, content: item.aggregatedOutput ?? item });
				}
				return events;
			}
		}
	}
}

/** A line of an agent as a few words for a list, and whether it waits; null for a line of anything else. */
export function summary(line) {
	if (line[0] !== "{" || line.length > 100_000) return null;
	const event = new AgentReader().read(line).at(-1);
	if (!event) return /^\{"(type|method|jsonrpc|id)":/.test(line) ? { text: "working", waits: null } : null;
	switch (event.type) {
		case "result":
			return { text: event.isError ? "the turn failed" : "turn ended", waits: "turn ended" };
		case "request":
			return { text: "asks for permission", waits: "asks you" };
		case "error":
			return { text: event.message, waits: "error" };
		case "toolUse":
			return { text: `uses ${event.name}`, waits: null };
		case "text":
		case "user":
			return { text: event.text.trim().split("\n")[0], waits: null };
		default:
			return { text: "working", waits: null };
	}
}
