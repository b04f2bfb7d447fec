// What is known of all sessions: their states, last lines and figures, and whether they need someone.
import { summary } from "./agent.js";
import { plainText } from "./ansi.js";
import { memory, oncePerFrame } from "./dom.js";
import { ending, isLive, stateWord } from "./format.js";
import { Journal } from "./journal.js";

/** How many figures a curve has. */
const curveLength = 40;
/** A prompt that wants an answer, rather than one that is only there. */
const question = /(\?|\[y(es)?\/n(o)?\]|\(y(es)?\/n(o)?\)|pass(word|phrase)[^:]*:)\s*$/i;

export class Session {
	constructor(id) {
		this.id = id;
		this.state = "starting";
		this.labels = {};
		this.startedAt = 0;
		this.exit = null;
		this.instance = null;
		/** The newest line as plain text, and when it came. */
		this.line = "";
		this.lineAt = 0;
		this.isPrompt = false;
		this.agent = null;
		/** The newest known place in its output. */
		this.cursor = null;
		this.cpu = [];
		this.memory = [];
		this.newLines = 0;
	}

	get isLive() {
		return isLive(this.state);
	}

	/** How it came to a bad end, in words; null if it did not. */
	get trouble() {
		if (this.state === "failed" || this.state === "lost") return this.state;
		return this.state === "exited" && this.exit?.code > 0 ? ending(this.exit) : null;
	}

	/** What someone should come for, in words; null for nothing. */
	get need() {
		if (this.state === "stuck") return "stuck";
		const { trouble } = this;
		const turn = this.isLive ? this.agent?.waits : null;
		const seen = seenMarks.get(this.id);
		if (trouble) return seen === this.#mark(trouble) ? null : trouble;
		if (this.isLive && this.isPrompt && question.test(this.line)) return "asks you";
		if (turn === "asks you") return turn;
		return turn && seen !== this.#mark(turn) ? turn : null;
	}

	#mark(what) {
		return `${this.instance ?? this.startedAt} ${what} ${this.isLive ? this.cursor : ""}`;
	}

	/** Someone has looked at it. */
	markSeen() {
		const what = this.trouble ?? (this.isLive && this.agent?.waits);
		if (!what || what === "asks you" || seenMarks.get(this.id) === this.#mark(what)) return false;
		seenMarks.set(this.id, this.#mark(what));
		return true;
	}

	/** The shape that stands for it: its state, or that it needs someone, or that it came to a bad end. */
	get shape() {
		if (!this.isLive) return this.trouble && this.state === "exited" ? "failed" : this.state;
		return this.need && this.state !== "stuck" ? "attention" : this.state;
	}

	/** What its row says below its name. */
	get hint() {
		if (!this.isLive) return ending(this.exit) || stateWord(this.state);
		if (this.state !== "running") return stateWord(this.state);
		if (this.agent) return this.agent.text;
		return this.line;
	}

	/** How long ago it did something, in coarse steps: a list that is sorted by it keeps still. */
	activity(now) {
		const quiet = now - Math.max(this.lineAt, this.startedAt);
		return quiet < 60_000 ? 0 : quiet < 3_600_000 ? 1 : quiet < 86_400_000 ? 2 : 3;
	}
}

const seenMarks = {
	entries: memory.get("seen", {}),
	get(id) {
		return this.entries[id];
	},
	set(id, mark) {
		delete this.entries[id];
		this.entries[id] = mark;
		const ids = Object.keys(this.entries);
		if (ids.length > 500) delete this.entries[ids[0]];
		memory.set("seen", this.entries);
	},
};

/**
 * Events: "change" at most once per picture, "output" with a session that has written, "status" with one whose state
 * has changed.
 */
export class Store extends EventTarget {
	sessions = new Map();
	/** Whether the list has come at least once. */
	isLoaded = false;
	/** Counts changes to who is there and in what order. */
	revision = 0;

	#changed = oncePerFrame(() => this.dispatchEvent(new Event("change")));
	#connection;
	#loading = null;
	#timer = 0;
	#wanted = [];
	#isLoadingLines = false;

	constructor(connection) {
		super();
		this.#connection = connection;
		connection.addEventListener("event", (event) => this.#take(event.detail));
	}

	get(id) {
		return this.sessions.get(id);
	}

	// The list

	/** Asks who is there. */
	async load() {
		this.#loading ??= this.#connection.request("GET", "sessions", { query: { all: "true" } });
		try {
			this.#replace(await this.#loading);
		} finally {
			this.#loading = null;
		}
	}

	/** Asks soon, once for all that happens until then. */
	loadSoon() {
		if (this.#timer) return;
		this.#timer = setTimeout(() => {
			this.#timer = 0;
			this.load().catch(() => {});
		}, this.sessions.size > 2000 ? 3000 : 300);
	}

	#replace(list) {
		const gone = new Set(this.sessions.keys());
		for (const entry of list) {
			gone.delete(entry.sessionId);
			const session = this.#session(entry.sessionId);
			const startedAt = Date.parse(entry.startedAt) || 0;
			if (session.startedAt !== startedAt) {
				// Another one under the same id.
				Object.assign(session, { line: "", agent: null, isPrompt: false, exit: null, cursor: null, isAsked: false });
			}
			const exit = entry.exitCode !== undefined || entry.signal ? { code: entry.exitCode, signal: entry.signal } : null;
			Object.assign(session, { state: entry.state, labels: entry.labels ?? {}, startedAt, exit: exit ?? session.exit });
		}
		for (const id of gone) this.sessions.delete(id);
		this.isLoaded = true;
		this.changed();
	}

	#session(id) {
		let session = this.sessions.get(id);
		if (!session) this.sessions.set(id, (session = new Session(id)));
		return session;
	}

	changed() {
		this.revision += 1;
		this.#changed();
	}

	// What comes

	#take(event) {
		const { type, sessionId, data } = event;
		if (type === "error") return;
		const isNew = !this.sessions.has(sessionId);
		if (isNew) this.loadSoon();
		const session = this.#session(sessionId);
		if (event.instance) session.instance = event.instance;
		if (type === "status") {
			const hasChanged = session.state !== data.state;
			session.state = data.state;
			if (event.cursor) session.cursor = event.cursor;
			if (!session.isLive) session.exit = { code: data.exitCode, signal: data.signal };
			if (!hasChanged && !isNew) return;
			this.loadSoon();
			this.changed();
			this.dispatchEvent(new CustomEvent("status", { detail: session }));
		} else if (type === "output") {
			this.takeLine(session, event);
			session.newLines += data.lines ?? 1;
			this.dispatchEvent(new CustomEvent("output", { detail: session }));
		} else if (type === "metrics") {
			push(session.cpu, data.cpuPercent);
			push(session.memory, data.pss ?? data.rss);
			this.#changed();
		}
	}

	/** Fetches the newest lines of sessions that were silent since this page is here: a few at a time. */
	async loadLines(ids) {
		this.#wanted = ids.map((id) => this.get(id)).filter((session) => session && !session.line && !session.isAsked);
		if (this.#isLoadingLines) return;
		this.#isLoadingLines = true;
		for (let session; (session = this.#wanted.shift()); ) {
			session.isAsked = true;
			try {
				const events = await new Journal(this.#connection, session.id).newest(2);
				if (!session.line) for (const event of events) if (event.type === "output") this.takeLine(session, event);
			} catch {
				// It may be gone; its next line will come by itself.
			}
		}
		this.#isLoadingLines = false;
	}

	/** The newest line of a session. */
	takeLine(session, { data, timestamp, cursor }) {
		if (cursor) session.cursor = cursor;
		if (timestamp) session.lineAt = timestamp;
		const need = session.need;
		if (data.encoding === "utf8" && data.content) {
			session.line = plainText(data.content.slice(0, 2000)).slice(-400);
			session.isPrompt = Boolean(data.partial);
			if (data.stream === "stdout") session.agent = summary(data.content);
		} else if (!data.partial) {
			session.isPrompt = false;
		}
		if (session.need !== need) this.revision += 1;
		this.#changed();
	}
}

function push(curve, value) {
	if (value === null || value === undefined) return;
	curve.push(value);
	if (curve.length > curveLength) curve.shift();
}
