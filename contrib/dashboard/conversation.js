// A conversation with an agent: what is in the journal, and what is said now.
import { AgentReader, protocolOf } from "./agent.js";
import { h, icon, memory, oncePerFrame, replace, setClass, setText } from "./dom.js";
import { clock, duration, plural } from "./format.js";
import { contentOf, Journal } from "./journal.js";
import { markdown } from "./markdown.js";

/** Lines of the journal that are read for what was said before. */
const past = 600;

/** What someone has said from this browser: agents don't print it. */
const said = {
	read(id) {
		try {
			return JSON.parse(sessionStorage.getItem(`keeper.said.${id}`)) ?? [];
		} catch {
			return [];
		}
	},
	add(id, entry) {
		try {
			sessionStorage.setItem(`keeper.said.${id}`, JSON.stringify([...this.read(id), entry].slice(-50)));
		} catch {
			// Then it is not there after a reload.
		}
	},
};

export class Conversation {
	#connection;
	#session;
	#journal;
	#reader = new AgentReader();
	#cursor = null;
	#isReading = false;
	#isAsked = false;
	#isShown = false;
	#isOwnTurn = false;
	/** Whether a turn has begun and not ended, someone else's as well. */
	#isOpen = false;
	#block = null;
	#tools = new Map();
	#startedAt = 0;
	#own = [];

	constructor({ connection, session, canControl, status }) {
		this.#connection = connection;
		this.#session = session;
		this.#journal = new Journal(connection, session.id);
		this.turns = h("div.turns", { role: "log", "aria-label": `Conversation with ${session.id}` });
		this.empty = h("p.quiet-note", { hidden: true }, "Nothing has been said yet.");
		this.busy = h("p.busy", { hidden: true, role: "status" }, h("span.busy-dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), "working");
		this.scroller = h("div.conversation-scroll", { tabindex: "0", role: "group", "aria-label": "Turns" },
			h("div.conversation-column", this.empty, this.turns, this.busy));
		this.element = h("section.conversation", this.scroller, canControl && this.#makeForm(protocolOf(status?.command)));
	}

	#makeForm(protocol) {
		this.field = h("textarea", {
			rows: "1", placeholder: "Say something", "aria-label": "Message", enterkeyhint: "send",
			oninput: () => grow(this.field),
			onkeydown: (event) => {
				if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
					event.preventDefault();
					this.#submit();
				}
			},
		});
		this.protocol = h("select", { "aria-label": "What the agent speaks", onchange: () => (this.until.hidden = this.protocol.value !== "lines") },
			[["stream-json", "stream-json"], ["codex", "codex"], ["lines", "plain lines"]].map(([value, text]) => h("option", { value }, text)));
		this.protocol.value = memory.get(`protocol.${this.#session.id}`, protocol);
		this.until = h("input", { type: "text", placeholder: "ends with", "aria-label": "The line or prompt that ends a turn", hidden: this.protocol.value !== "lines", value: memory.get(`until.${this.#session.id}`, "") });
		this.whenBusy = h("select", { "aria-label": "When the agent is busy" },
			h("option", { value: "" }, "if busy: refuse"), h("option", { value: "wait" }, "if busy: wait"));
		this.result = h("span.action-result", { role: "status" });
		this.form = h("form.writer", { onsubmit: (event) => (event.preventDefault(), this.#submit()) },
			this.field, h("div.writer-row", this.protocol, this.until, this.whenBusy, this.result, h("span.space"),
				h("button", { type: "submit", class: "primary" }, "Send")));
		return this.form;
	}

	// Coming and going

	async show() {
		this.#isShown = true;
		if (this.#cursor) return this.wake();
		await this.#read(() => this.#journal.newest(past));
		this.empty.hidden = this.turns.childElementCount > 0;
		this.#stick();
		if (matchMedia("(pointer: fine)").matches) this.field?.focus({ preventScroll: true });
		return undefined;
	}

	hide() {
		this.#isShown = false;
	}

	end() {
		this.hide();
	}

	happened() {
		this.wake();
	}

	/** There is something new. While a turn of this page is under way, its own events tell. */
	wake() {
		if (!this.#isShown || this.#isOwnTurn || !this.#cursor) return;
		if (this.#isReading) {
			this.#isAsked = true;
			return;
		}
		this.#read(() => this.#journal.from(this.#cursor, past));
	}

	async #read(fetch) {
		this.#isReading = true;
		this.#isAsked = false;
		try {
			const events = await fetch();
			if (!this.#isOwnTurn) {
				for (const event of events) this.#takeLine(event);
				this.#setBusy(this.#isOpen && this.#session.isLive);
			}
			this.#cursor = events.at(-1)?.cursor ?? this.#cursor ?? this.#session.cursor;
		} catch (error) {
			if (error.code !== "offline") this.#take({ type: "error", message: error.message });
		} finally {
			this.#isReading = false;
		}
		if (this.#isAsked) this.wake();
	}

	#takeLine(event) {
		if (event.type !== "output" || event.data.stream !== "stdout" || event.data.partial) return;
		for (const { time, text } of this.#unsaid(event.timestamp ?? 0)) this.#take({ type: "user", text }, time);
		for (const happened of this.#reader.read(contentOf(event.data))) this.#take(happened, event.timestamp);
	}

	/** What was said from here until a time, and is not shown yet. */
	#unsaid(time) {
		const from = this.#startedAt;
		this.#startedAt = Math.max(from, time);
		return said.read(this.#session.id).filter((entry) => entry.time > from && entry.time <= time && entry.instance === this.#session.instance
			&& !this.#own.includes(entry.time));
	}

	// A turn

	async #submit() {
		const message = this.field.value.trim();
		if (!message || this.#isOwnTurn) {
			if (message) setText(this.result, "The last turn is still under way.");
			return;
		}
		const protocol = this.protocol.value;
		const body = { message, protocol };
		if (protocol === "lines") {
			if (!this.until.value) return setText(this.result, "Plain lines need a text that ends a turn.");
			body.until = this.until.value;
			memory.set(`until.${this.#session.id}`, body.until);
		}
		if (this.whenBusy.value) body.wait = true;
		memory.set(`protocol.${this.#session.id}`, protocol);
		this.field.value = "";
		grow(this.field);
		setText(this.result, "");
		await this.#turn(body);
	}

	async #turn(body) {
		const time = Date.now();
		this.#isOwnTurn = true;
		this.#own.push(time);
		said.add(this.#session.id, { time, text: body.message, instance: this.#session.instance });
		this.#take({ type: "user", text: body.message }, time);
		this.#setBusy(true);
		this.#stick();
		try {
			const path = `sessions/${encodeURIComponent(this.#session.id)}/turn`;
			for await (const event of this.#connection.lines("POST", path, { body })) this.#take(event, Date.now());
		} catch (error) {
			if (error.status === 409) {
				this.#take({ type: "error", message: "The agent is busy with another turn. The message was not sent." });
				if (!this.field.value) this.field.value = body.message;
			} else {
				this.#take({ type: "error", message: error.message });
			}
		} finally {
			this.#isOwnTurn = false;
			this.#setBusy(false);
		}
		// What the turn's own events have shown is not read again.
		this.#cursor = this.#session.cursor ?? this.#cursor;
		this.#session.markSeen();
	}

	#setBusy(isBusy) {
		this.busy.hidden = !isBusy;
		setClass(this.element, "is-busy", isBusy);
	}

	// Showing

	#take(event, time = Date.now()) {
		const isAtEnd = this.#isAtEnd();
		this.empty.hidden = true;
		this.#isOpen = event.type !== "result" && event.type !== "error";
		switch (event.type) {
			case "user":
				this.#add(h("article.turn.mine", { "aria-label": "You" }, h("div.bubble", event.text), h("time", clock(time))));
					break;
			case "text":
				if (event.parent || event.parentToolUseId) break;
				if (event.isWhole) this.#block = null;
				if (event.text) this.#write(event.text);
				if (event.isEnd || event.isWhole) this.#block = null;
				break;
			case "toolUse": this.#useTool(event); break;
			case "toolResult": this.#endTool(event); break;
			case "request": this.#add(h("div.turn-note.warn", "The agent asks for permission. Answer by writing a line to it.")); break;
			case "compaction": this.#add(h("div.rule", { role: "separator" }, h("span", "The agent has shortened its memory of the conversation"))); break;
			case "error": this.#add(h("div.turn-note.bad", { role: "alert" }, event.message)); break;
			case "result": this.#endTurn(event, time); break;
		}
		if (isAtEnd) this.#stick();
	}

	#add(element) {
		this.#block = null;
		this.turns.append(element);
		while (this.turns.childElementCount > past) this.turns.firstChild.remove();
	}

	#write(text) {
		if (!this.#block) {
			const element = h("article.turn.theirs", { "aria-label": this.#session.id });
			this.#add(element);
			const block = { text: "", element, draw: oncePerFrame(() => {
				const isAtEnd = this.#isAtEnd();
				replace(element, markdown(block.text));
				if (isAtEnd) this.#stick();
			}) };
			this.#block = block;
		}
		this.#block.text += text;
		this.#block.draw();
	}

	#useTool({ id, name, input }) {
		const text = typeof input === "string" ? input : JSON.stringify(input ?? {}, null, 2);
		const first = Object.values(typeof input === "object" && input ? input : { text }).find((value) => typeof value === "string") ?? "";
		const mark = h("span.tool-mark", { role: "img", "aria-label": "under way" });
		const body = h("div.tool-body", h("pre", { tabindex: "0", "aria-label": "Input" }, text));
		const element = h("details.tool",
			h("summary", icon("chevron"), mark, h("strong", String(name)), " ", h("span.tool-input", first.split("\n")[0])), body);
		this.#tools.set(id, { element, mark, body });
		this.#add(element);
	}

	#endTool({ id, isError, content }) {
		const tool = this.#tools.get(id);
		if (!tool) return;
		this.#tools.delete(id);
		const parts = Array.isArray(content) ? content.map((part) => part?.text ?? JSON.stringify(part)) : [content];
		const text = parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part, null, 2))).join("\n");
		setClass(tool.element, "failed", isError);
		setClass(tool.element, "done", !isError);
		tool.mark.setAttribute("aria-label", isError ? "failed" : "done");
		tool.body.append(h("pre", { tabindex: "0", "aria-label": "Result" }, (text ?? "").slice(0, 20_000)));
	}

	#endTurn(event, time) {
		const { usage } = event;
		const tokens = usage && (usage.output_tokens ?? usage.outputTokens);
		const parts = [clock(time)];
		if (event.durationMs > 0) parts.push(duration(event.durationMs));
		if (typeof event.costUSD === "number") parts.push(`$${event.costUSD.toFixed(event.costUSD < 1 ? 4 : 2)}`);
		if (typeof tokens === "number") parts.push(plural(tokens, "token"));
		if (event.isError) this.#add(h("div.turn-note.bad", event.message || "The turn failed."));
		this.#add(h("p.turn-end", parts.join(" · ")));
		for (const { element } of this.#tools.values()) setClass(element, "done", true);
		this.#tools.clear();
	}

	#isAtEnd() {
		const { scrollTop, clientHeight, scrollHeight } = this.scroller;
		return scrollTop + clientHeight >= scrollHeight - 40;
	}

	#stick() {
		this.scroller.scrollTop = this.scroller.scrollHeight;
	}
}

/** Makes a field as high as what is in it. */
export function grow(field) {
	field.style.height = "auto";
	field.style.height = `${Math.min(field.scrollHeight + 2, 200)}px`;
}
