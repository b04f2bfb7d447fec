// What happened to a session, as its keeper has recorded it: as sentences, and as a timeline.
import { h, replace, setText } from "./dom.js";
import { clock, count, day, duration, size } from "./format.js";
import { Journal } from "./journal.js";

/** What each event says: a sentence, a tone, and whether it is a rule across the output. */
const sentences = {
	started: (event) => event.restarts
		? { text: `Started again (restart ${event.restarts})`, detail: `process ${event.pid}`, tone: "good", isRule: true }
		: { text: "Started", detail: `process ${event.pid}`, tone: "good" },
	ready: () => ({ text: "Ready", tone: "good" }),
	stopping: (event) => ({ text: "Told to end", detail: event.reason, tone: "warn" }),
	signalled: (event) => ({ text: `Was sent ${event.signal}`, tone: "warn" }),
	exited: (event) => ({
		text: event.unknown ? "Ended, how is unknown" : event.signal ? `Ended by ${event.signal}` : `Ended, exit ${event.exitCode}`,
		detail: [event.reason, event.stdout !== undefined && `${size(event.stdout)} of stdout, ${size(event.stderr)} of stderr`]
			.filter(Boolean).join(" · "),
		tone: event.exitCode === 0 ? "rest" : "bad", isRule: true,
	}),
	restarting: (event) => ({ text: event.delayMs ? `Starts again in ${duration(event.delayMs)}` : "Starts again at once", detail: event.message, tone: "warn" }),
	paused: () => ({ text: "Paused", tone: "warn", isRule: true }),
	resumed: () => ({ text: "Resumed", tone: "good", isRule: true }),
	stuck: (event) => ({ text: "Stuck: processes survive SIGKILL", detail: (event.survivors ?? []).join(", "), tone: "bad" }),
	lost: () => ({ text: "Lost: its keeper died", tone: "bad", isRule: true }),
	recovered: () => ({ text: "Another keeper goes on with it", tone: "warn", isRule: true }),
	upgraded: (event) => ({ text: `Its keeper is now version ${event.version}`, detail: `before: ${event.previousVersion}`, tone: "rest" }),
	label: (event) => ({
		text: "Labels changed", tone: "rest",
		detail: Object.entries(event.labels ?? {}).map(([name, value]) => `${name}=${value}`).join(" ") || "none",
	}),
	dropped: (event) => ({ text: `${count(event.bytes)} bytes of input were dropped`, detail: event.why ?? "their writer left in the middle of a line", tone: "warn" }),
	health: (event) => ({
		text: `${event.kind === "memory" ? "Memory" : "CPU"} is ${event.level}`,
		detail: event.kind === "memory" ? `${size(event.value)}, threshold ${size(event.threshold)}` : `${event.value} %, threshold ${event.threshold} %`,
		tone: event.level === "high" ? "bad" : "good",
	}),
	journalFull: (event) => ({ text: `The journal of ${event.stream} can't be written`, detail: event.message, tone: "bad", isRule: true }),
	journalResumed: (event) => ({ text: `The journal of ${event.stream} is written again`, tone: "good", isRule: true }),
	outputAbandoned: (event) => ({ text: `${event.stream} is not read any more`, detail: "the command has ended, and others still hold it", tone: "warn" }),
};

/** An event as {time, text, detail, tone, isRule}. */
export function happening(event) {
	const said = sentences[event.event]?.(event) ?? { text: event.event, tone: "rest" };
	return { time: Date.parse(event.time), ...said };
}

export class Timeline {
	#journal;

	constructor({ connection, session }) {
		this.#journal = new Journal(connection, session.id);
		this.list = h("ol.timeline");
		this.message = h("p.quiet-note", { role: "status" });
		this.element = h("section.scroll-page", { tabindex: "0", "aria-label": "Events" }, this.message, this.list);
	}

	show() {
		return this.happened();
	}

	hide() {}
	end() {}
	wake() {}

	async happened() {
		let entries;
		try {
			entries = (await this.#journal.history()).map(happening).reverse();
			setText(this.message, entries.length ? "" : "Nothing has happened yet.");
		} catch (error) {
			return setText(this.message, error.message);
		}
		let lastDay = "";
		return replace(this.list, entries.map((entry) => {
			const today = day(entry.time);
			const heading = today !== lastDay && h("li.timeline-day", today);
			lastDay = today;
			return [heading, h("li", { class: ["happening", entry.tone] }, h("time", clock(entry.time)),
				h("span.dot", { "aria-hidden": "true" }),
				h("div", h("span", entry.text), entry.detail && h("small", entry.detail)))];
		}));
	}
}
