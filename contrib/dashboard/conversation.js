// A conversation with an agent: what is in the journal, and what is said now.
import { AgentReader, protocolOf } from "./agent.js";
import { gateway, lines, sessionPath } from "./connection.js";
import { h, hasKeyboard, icon, memory, oncePerFrame, replace, select, setClass, setText } from "./dom.js";
import { clock, duration, plural } from "./format.js";
import { contentOf, readJournal } from "./journal.js";
import { markdown } from "./markdown.js";

// Lines of the journal that are read for what was said before, and parts that are shown.
const past = 600;

export function Conversation(session, { status }) {
	const read = AgentReader();
	const tools = new Map();
	// What was said from this page, which agents don't print; kept for a reload.
	const ownTimes = [];
	const saidName = `said.${session.id}`;
	const said = () => memory.get(saidName, [], "sessionStorage");
	let cursor = null;
	let isReading = false;
	let isAsked = false;
	let isShown = false;
	let isOwnTurn = false;
	let isOpen = false;
	let block = null;
	let readUntil = 0;

	const turns = h("div.turns", { role: "log", "aria-label": `Conversation with ${session.id}` });
	const empty = h("p.quiet-note", { hidden: true }, "Nothing has been said yet.");
	const busy = h("p.busy", { hidden: true, role: "status" }, h("span.busy-dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), "working");
	const scroller = h("div.conversation-scroll", { tabindex: "0", role: "group", "aria-label": "Turns" },
		h("div.conversation-column", empty, turns, busy));

	const remembered = (name, otherwise) => memory.get(`${name}.${session.id}`, otherwise);
	const remember = (name, value) => memory.set(`${name}.${session.id}`, value);
	const field = messageField("Message", "Say something", submit);
	const protocol = select("What the agent speaks", ["stream-json", "codex", ["lines", "plain lines"]],
		{ onchange: () => (until.hidden = protocol.value !== "lines") });
	protocol.value = remembered("protocol", protocolOf(status?.command));
	const until = h("input", {
		placeholder: "ends with", "aria-label": "The line or prompt that ends a turn", value: remembered("until", ""),
		hidden: protocol.value !== "lines",
	});
	const whenBusy = select("When the agent is busy", [["", "if busy: refuse"], ["wait", "if busy: wait"]]);
	const result = h("span.action-result", { role: "status" });
	const form = gateway.canControl && h("form.writer", { onsubmit: submit }, field, h("div.writer-row",
		protocol, until, whenBusy, result, h("button.primary", { type: "submit" }, "Send")));

	return {
		element: h("section.conversation", scroller, form),
		wake, happened: wake,
		focus: form && (() => field.focus({ preventScroll: true })),
		async show() {
			isShown = true;
			if (cursor) return wake();
			await fetch({ tail: past });
			empty.hidden = turns.childElementCount > 0;
			stick();
			if (form && hasKeyboard()) this.focus();
		},
		hide: () => (isShown = false),
	};

	// There is something new. While a turn of this page is under way, its own events tell.
	function wake() {
		if (!isShown || isOwnTurn || !cursor) return;
		if (isReading) isAsked = true;
		else fetch({ from: cursor, limit: past });
	}

	async function fetch(query) {
		isReading = true;
		isAsked = false;
		try {
			const events = await readJournal(session.id, query);
			if (!isOwnTurn) {
				events.forEach(takeLine);
				setBusy(isOpen && session.isLive);
			}
			cursor = events.at(-1)?.cursor ?? cursor ?? session.cursor;
		} catch (error) {
			if (error.code !== "offline") take({ type: "error", message: error.message });
		}
		isReading = false;
		if (isAsked) wake();
	}

	function takeLine({ type, data, timestamp = 0 }) {
		if (type !== "output" || data.stream !== "stdout" || data.partial) return;
		for (const { time, text, instance } of said()) {
			if (time > readUntil && time <= timestamp && instance === session.instance && !ownTimes.includes(time)) take({ type: "user", text }, time);
		}
		readUntil = Math.max(readUntil, timestamp);
		for (const event of read(contentOf(data))) take(event, timestamp);
	}

	async function submit(event) {
		event.preventDefault();
		const message = field.value.trim();
		const isLines = protocol.value === "lines";
		if (!message) return;
		if (isOwnTurn) return setText(result, "The last turn is still under way.");
		if (isLines && !until.value) return setText(result, "Plain lines need a text that ends a turn.");
		remember("protocol", protocol.value);
		if (isLines) remember("until", until.value);
		setText(result, "");
		setMessage(field, "");
		await turn({ message, protocol: protocol.value, ...(isLines && { until: until.value }), ...(whenBusy.value && { wait: true }) });
	}

	async function turn(body) {
		const time = Date.now();
		isOwnTurn = true;
		ownTimes.push(time);
		memory.set(saidName, [...said(), { time, text: body.message, instance: session.instance }].slice(-50), "sessionStorage");
		take({ type: "user", text: body.message }, time);
		setBusy(true);
		stick();
		try {
			for await (const event of lines("POST", sessionPath(session.id, "/turn"), { body })) take(event);
		} catch (error) {
			const isBusy = error.status === 409;
			take({ type: "error", message: isBusy ? "The agent is busy with another turn. The message was not sent." : error.message });
			if (isBusy && !field.value) setMessage(field, body.message);
		}
		isOwnTurn = false;
		setBusy(false);
		// What the turn's own events have shown is not read again.
		cursor = session.cursor ?? cursor;
		session.markSeen();
	}

	function setBusy(isBusy) {
		busy.hidden = !isBusy;
	}

	function take(event, time = Date.now()) {
		const isAtEnd = isAtBottom();
		empty.hidden = true;
		isOpen = event.type !== "result" && event.type !== "error";
		switch (event.type) {
			case "user": add(h("article.turn.mine", { "aria-label": "You" }, h("div.bubble", event.text), h("time", clock(time)))); break;
			case "text":
				if (event.parent || event.parentToolUseId) break;
				if (event.isWhole) block = null;
				if (event.text) write(event.text);
				if (event.isEnd || event.isWhole) block = null;
				break;
			case "toolUse": useTool(event); break;
			case "toolResult": endTool(event); break;
			case "request": add(h("div.turn-note.warn", "The agent asks for permission. Answer by writing a line to it.")); break;
			case "compaction": add(h("div.rule", { role: "separator" }, h("span", "The agent has shortened its memory of the conversation"))); break;
			case "error": add(h("div.turn-note.bad", { role: "alert" }, event.message)); break;
			case "result": endTurn(event, time); break;
		}
		if (isAtEnd) stick();
	}

	function add(element) {
		block = null;
		turns.append(element);
		while (turns.childElementCount > past) turns.firstChild.remove();
	}

	function write(text) {
		if (!block) {
			const element = h("article.turn.theirs", { "aria-label": session.id });
			add(element);
			const own = block = { text: "", draw: oncePerFrame(() => {
				const isAtEnd = isAtBottom();
				replace(element, markdown(own.text));
				if (isAtEnd) stick();
			}) };
		}
		block.text += text;
		block.draw();
	}

	function useTool({ id, name, input }) {
		const text = typeof input === "string" ? input : JSON.stringify(input ?? {}, null, 2);
		const first = typeof input === "string" ? input : Object.values(input ?? {}).find((value) => typeof value === "string") ?? "";
		const mark = h("span.tool-mark", { role: "img", "aria-label": "under way" });
		const body = h("div.tool-body", h("pre", { tabindex: "0", "aria-label": "Input" }, text));
		const element = h("details.tool",
			h("summary", icon("chevron"), mark, h("strong", String(name)), " ", h("span.tool-input", first.split("\n")[0])), body);
		tools.set(id, { element, mark, body });
		add(element);
	}

	function endTool({ id, isError, content }) {
		const tool = tools.get(id);
		if (!tool) return;
		tools.delete(id);
		const text = [content].flat().map((part) => part?.text ?? (typeof part === "string" ? part : JSON.stringify(part, null, 2))).join("\n");
		tool.element.classList.add(isError ? "failed" : "done");
		tool.mark.setAttribute("aria-label", isError ? "failed" : "done");
		tool.body.append(h("pre", { tabindex: "0", "aria-label": "Result" }, text.slice(0, 20_000)));
	}

	function endTurn({ isError, message, usage, durationMs, costUSD }, time) {
		const tokens = usage?.output_tokens ?? usage?.outputTokens;
		if (isError) add(h("div.turn-note.bad", message || "The turn failed."));
		add(h("p.turn-end", [
			clock(time), durationMs > 0 && duration(durationMs), costUSD > 0 && `$${costUSD.toFixed(costUSD < 1 ? 4 : 2)}`,
			tokens > 0 && plural(tokens, "token"),
		].filter(Boolean).join(" · ")));
		for (const { element } of tools.values()) setClass(element, "done", true);
		tools.clear();
	}

	function isAtBottom() {
		return scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 40;
	}

	function stick() {
		scroller.scrollTop = scroller.scrollHeight;
	}
}

// A field that is as high as what is in it. Enter sends, Shift Enter begins a line.
export function messageField(label, placeholder, send, ...more) {
	const field = h("textarea", {
		rows: "1", placeholder, "aria-label": label, enterkeyhint: "send", oninput: () => grow(field),
		onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event),
	}, ...more);
	return field;
}

export function setMessage(field, text) {
	field.value = text;
	grow(field);
}

function grow(field) {
	field.style.height = "auto";
	field.style.height = `${Math.min(field.scrollHeight + 2, 200)}px`;
}
