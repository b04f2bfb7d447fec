// What is known of all sessions. Emits "change" at most once per picture, "output" with a session that has written, and
// "status" with one whose state has changed.
import { summary } from "./agent.js";
import { plainText } from "./ansi.js";
import { request } from "./connection.js";
import { curveLength } from "./curve.js";
import { emit, memory, on, oncePerFrame } from "./dom.js";
import { ending, isLive, stateWord } from "./format.js";
import { readJournal } from "./journal.js";

// A prompt that wants an answer, rather than one that is only there.
const question = /(\?|\[y(es)?\/n(o)?\]|\(y(es)?\/n(o)?\)|pass(word|phrase)[^:]*:)\s*$/i;
// What someone has looked at needs nobody any more.
const seen = memory.get("seen", {});

class Session {
	state = "starting";
	labels = {};
	startedAt = 0;
	line = "";
	lineAt = 0;
	cpu = [];
	memory = [];
	newLines = 0;

	constructor(id) {
		this.id = id;
	}

	get isLive() {
		return isLive(this.state);
	}

	// How it came to a bad end, in words; null if it did not.
	get trouble() {
		if (this.state === "failed" || this.state === "lost") return this.state;
		return this.state === "exited" && this.exit?.code > 0 ? ending(this.exit) : null;
	}

	// What someone should come for, in words; null for nothing.
	get need() {
		if (this.state === "stuck") return "stuck";
		if (this.isLive && this.isPrompt && question.test(this.line)) return "asks you";
		const what = this.#reason;
		return what && (what === "asks you" || seen[this.id] !== this.#mark) ? what : null;
	}

	get #reason() {
		return this.trouble ?? (this.isLive ? this.agent?.waits : null);
	}

	get #mark() {
		return `${this.instance ?? this.startedAt} ${this.#reason} ${this.isLive ? this.cursor : ""}`;
	}

	markSeen() {
		const what = this.#reason;
		if (!what || what === "asks you" || seen[this.id] === this.#mark) return false;
		delete seen[this.id];
		seen[this.id] = this.#mark;
		if (Object.keys(seen).length > 500) delete seen[Object.keys(seen)[0]];
		memory.set("seen", seen);
		return true;
	}

	// The shape that stands for it: its state, or that it needs someone, or that it came to a bad end.
	get shape() {
		if (!this.isLive) return this.trouble && this.state === "exited" ? "failed" : this.state;
		return this.need && this.state !== "stuck" ? "attention" : this.state;
	}

	get hint() {
		if (!this.isLive) return ending(this.exit) || stateWord(this.state);
		return this.state === "running" ? this.agent?.text ?? this.line : stateWord(this.state);
	}

	// How long ago it did something, in coarse steps: a list that is sorted by it keeps still.
	activity(now) {
		const quiet = now - Math.max(this.lineAt, this.startedAt);
		return [60_000, 3_600_000, 86_400_000, Infinity].findIndex((step) => quiet < step);
	}
}

export const sessions = new Map();
// Whether the list has come at least once; the revision counts changes to who is there and in what order.
export const known = { isLoaded: false, revision: 0 };

const tellChange = oncePerFrame(() => emit("change"));
let loading = null;
let timer = 0;
let wanted = [];
let isLoadingLines = false;

export function changed() {
	known.revision += 1;
	tellChange();
}

export async function load() {
	loading ??= request("GET", "sessions", { query: { all: true } });
	try {
		takeList(await loading);
	} finally {
		loading = null;
	}
}

export function loadSoon() {
	timer ||= setTimeout(() => {
		timer = 0;
		load().catch(() => {});
	}, sessions.size > 2000 ? 3000 : 300);
}

function takeList(list) {
	const gone = new Set(sessions.keys());
	let isOther = !known.isLoaded;
	for (const entry of list) {
		const { sessionId, state, labels = {}, exitCode, signal } = entry;
		isOther = !gone.delete(sessionId) || isOther;
		const session = sessionOf(sessionId);
		// Most are as they were, and there may be thousands.
		const text = JSON.stringify(entry);
		if (session.entry === text && session.state === state) continue;
		isOther = true;
		session.entry = text;
		const startedAt = Date.parse(entry.startedAt) || 0;
		if (session.startedAt !== startedAt) {
			// Another one under the same id.
			Object.assign(session, { line: "", agent: null, isPrompt: false, exit: null, cursor: null, isAsked: false });
		}
		Object.assign(session, { state, labels, startedAt });
		if (exitCode !== undefined || signal) session.exit = { code: exitCode, signal };
	}
	for (const id of gone) sessions.delete(id);
	known.isLoaded = true;
	if (isOther || gone.size) changed();
}

function sessionOf(id) {
	if (!sessions.has(id)) sessions.set(id, new Session(id));
	return sessions.get(id);
}

on("event", (event) => {
	const { type, sessionId, data } = event;
	if (type === "error") return;
	const isNew = !sessions.has(sessionId);
	if (isNew) loadSoon();
	const session = sessionOf(sessionId);
	session.instance = event.instance ?? session.instance;
	if (type === "status") {
		const hasChanged = isNew || session.state !== data.state;
		session.state = data.state;
		session.cursor = event.cursor ?? session.cursor;
		if (!session.isLive) session.exit = { code: data.exitCode, signal: data.signal };
		if (!hasChanged) return;
		loadSoon();
		changed();
		emit("status", session);
	} else if (type === "output") {
		takeLine(session, event);
		session.newLines += data.lines ?? 1;
		emit("output", session);
	} else if (type === "metrics") {
		push(session.cpu, data.cpuPercent);
		push(session.memory, data.pss ?? data.rss);
		tellChange();
	}
});

function push(curve, value) {
	if (value != null && curve.push(value) > curveLength) curve.shift();
}

// Fetches the newest lines of sessions that were silent since this page is here: one at a time, those that are seen.
on("visible", async (ids) => {
	wanted = ids.map((id) => sessions.get(id)).filter((session) => session && !session.line && !session.isAsked);
	if (isLoadingLines) return;
	isLoadingLines = true;
	for (let session; (session = wanted.shift());) {
		session.isAsked = true;
		// It may be gone; its next line will come by itself.
		const events = await readJournal(session.id, { tail: 2 }).catch(() => []);
		if (!session.line) for (const event of events) if (event.type === "output") takeLine(session, event);
	}
	isLoadingLines = false;
});

function takeLine(session, { data, timestamp, cursor }) {
	const { need } = session;
	session.cursor = cursor ?? session.cursor;
	session.lineAt = timestamp ?? session.lineAt;
	if (data.encoding === "utf8" && data.content) {
		session.line = plainText(data.content.slice(0, 2000)).slice(-400);
		session.isPrompt = Boolean(data.partial);
		if (data.stream === "stdout") session.agent = summary(data.content);
	} else if (!data.partial) {
		session.isPrompt = false;
	}
	if (session.need !== need) known.revision += 1;
	tellChange();
}
