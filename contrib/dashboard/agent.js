// What agents' command lines print, one JSON object on each line, as the events of a conversation: {type: "user"|"text"|
// "toolUse"|"toolResult"|"request"|"result"|"error"|"compaction", …}, named as by "keeperctl turn --json".

export const isAgent = (command = [], labels = {}) =>
	Boolean(labels.conversation || labels.agent || /stream-json|app-server/.test(command.join(" ")));

export const protocolOf = (command = []) => (command.join(" ").includes("app-server") ? "codex" : "stream-json");

// Reads lines one after the other; some say twice what they say, first in pieces and then as a whole.
export function AgentReader() {
	const known = new Set();
	let streamed = "";
	const isNew = (key) => !known.has(key) && Boolean(known.add(key));

	return (line) => {
		try {
			const message = line[0] === "{" ? JSON.parse(line) : {};
			return message.method ? codex(message) : streamJSON(message);
		} catch {
			return [];
		}
	};

	function piece(text = "") {
		streamed += text;
		return [{ type: "text", text }];
	}

	// What of a whole text has not come in pieces.
	function whole(text = "") {
		const printed = streamed;
		streamed = "";
		if (!printed) return text ? [{ type: "text", text, isWhole: true }] : [];
		return [{ type: "text", text: text.startsWith(printed) ? text.slice(printed.length) : "", isEnd: true }];
	}

	function streamJSON(message) {
		const { type, subtype, event, error } = message;
		const isInner = Boolean(message.parent_tool_use_id);
		if (type === "assistant" || type === "user") {
			return message.uuid && !isNew(message.uuid) ? [] : blocks(message.message?.content, type === "user", isInner);
		}
		if (type === "stream_event" && !isInner) {
			if (event?.type === "message_start") streamed = "";
			return event?.delta?.type === "text_delta" ? piece(event.delta.text) : [];
		}
		if (type === "system" && subtype === "compact_boundary") return [{ type: "compaction" }];
		if (type === "control_request") return [{ type: "request" }];
		if (type === "error") return [{ type, message: error?.message ?? String(error ?? "an error") }];
		if (type !== "result") return [];
		return [{
			type, isError: message.is_error, costUSD: message.total_cost_usd, durationMs: message.duration_ms, usage: message.usage,
			message: message.is_error && (message.result || message.errors?.[0] || subtype),
		}];
	}

	function blocks(content, isUser, isInner) {
		return (typeof content === "string" ? [{ type: "text", text: content }] : content ?? []).flatMap((block) => {
			const { type, text, id, name, input, tool_use_id: tool } = block;
			if (type === "text") return isInner ? [] : isUser ? [{ type: "user", text }] : whole(text);
			if (type.endsWith("tool_use")) return isNew(`u${id}`) ? [{ type: "toolUse", id, name, input }] : [];
			if (!type.endsWith("tool_result") || !isNew(`r${tool}`)) return [];
			return [{ type: "toolResult", id: tool, isError: block.is_error, content: block.content }];
		});
	}

	function codex({ method, params = {} }) {
		const { item = {}, turn, error } = params;
		if (method === "item/agentMessage/delta") return piece(params.delta);
		if (method === "item/started" || method === "item/completed") return codexItem(item, method === "item/completed");
		if (method === "thread/compacted") return [{ type: "compaction" }];
		if (method === "error") return params.willRetry ? [] : [{ type: "error", message: error?.message ?? "an error" }];
		if (method === "turn/completed") {
			return [{ type: "result", isError: turn?.status === "failed", message: turn?.error?.message, usage: params.usage ?? turn?.usage }];
		}
		return /requestApproval|Approval$/.test(method) ? [{ type: "request" }] : [];
	}

	function codexItem(item, isDone) {
		const { type, id, status } = item;
		if (type === "agentMessage") return isDone ? whole(item.text) : [];
		if (type === "userMessage") return isDone ? blocks(item.content, true) : [];
		if (!type || type === "reasoning" || type === "plan") return [];
		const events = isNew(`u${id}`) ? [{ type: "toolUse", id, name: item.tool ?? type, input: item.command ?? item }] : [];
		if (isDone && isNew(`r${id}`)) {
			const isError = status === "failed" || status === "declined";
			events.push({ type: "toolResult", id, isError, content: item.aggregatedOutput ?? item });
		}
		return events;
	}
}

export function summary(line) {
	if (line[0] !== "{" || line.length > 100_000) return null;
	const event = AgentReader()(line).at(-1);
	switch (event?.type) {
		case undefined: return /^\{"(type|method|jsonrpc|id)":/.test(line) ? { text: "working" } : null;
		case "result": return { text: event.isError ? "the turn failed" : "turn ended", waits: "turn ended" };
		case "request": return { text: "asks for permission", waits: "asks you" };
		case "error": return { text: event.message, waits: "error" };
		case "toolUse": return { text: `uses ${event.name}` };
		default: return { text: event.text?.trim().split("\n")[0] ?? "working" };
	}
}
