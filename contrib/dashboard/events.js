// What happened to a session, as its keeper has recorded it: as sentences, and as a timeline.
import { h, replace, setText } from "./dom.js";
import { clock, count, day, duration, pairs, size } from "./format.js";
import { readHistory } from "./journal.js";

// What each event says: its tone, a sentence, a detail; and whether it is a rule across the output.
const sentences = {
	started: ({ restarts, pid }) => ["good", restarts ? `Started again (restart ${restarts})` : "Started", `process ${pid}`, restarts > 0],
	ready: () => ["good", "Ready"],
	stopping: ({ reason }) => ["warn", "Told to end", reason],
	signalled: ({ signal }) => ["warn", `Was sent ${signal}`],
	exited: ({ unknown, signal, exitCode, reason, stdout, stderr }) => [exitCode === 0 ? "rest" : "bad",
		unknown ? "Ended, how is unknown" : signal ? `Ended by ${signal}` : `Ended, exit ${exitCode}`,
		[reason, stdout !== undefined && `${size(stdout)} of stdout, ${size(stderr)} of stderr`].filter(Boolean).join(" · "), true],
	restarting: ({ delayMs, message }) => ["warn", delayMs ? `Starts again in ${duration(delayMs)}` : "Starts again at once", message],
	paused: () => ["warn", "Paused", "", true],
	resumed: () => ["good", "Resumed", "", true],
	stuck: ({ survivors = [] }) => ["bad", "Stuck: processes survive SIGKILL", survivors.join(", ")],
	lost: () => ["bad", "Lost: its keeper died", "", true],
	recovered: () => ["warn", "Another keeper goes on with it", "", true],
	upgraded: ({ version, previousVersion }) => ["rest", `Its keeper is now version ${version}`, `before: ${previousVersion}`],
	label: ({ labels }) => ["rest", "Labels changed", pairs(labels, " ") || "none"],
	dropped: ({ bytes, why }) => ["warn", `${count(bytes)} bytes of input were dropped`, why ?? "their writer left in the middle of a line"],
	health({ kind, level, value, threshold }) {
		const say = kind === "memory" ? size : (number) => `${number} %`;
		return [level === "high" ? "bad" : "good", `${kind === "memory" ? "Memory" : "CPU"} is ${level}`, `${say(value)}, threshold ${say(threshold)}`];
	},
	journalFull: ({ stream, message }) => ["bad", `The journal of ${stream} can't be written`, message, true],
	journalResumed: ({ stream }) => ["good", `The journal of ${stream} is written again`, "", true],
	outputAbandoned: ({ stream }) => ["warn", `${stream} is not read any more`, "the command has ended, and others still hold it"],
};

export function happening(event) {
	const [tone, text, detail, isRule] = sentences[event.event]?.(event) ?? ["rest", event.event];
	return { time: Date.parse(event.time), tone, text, detail, isRule };
}

export function Timeline(session) {
	const list = h("ol.timeline");
	const message = h("p.quiet-note", { role: "status" });
	const update = async () => {
		try {
			const entries = (await readHistory(session.id)).map(happening).reverse();
			setText(message, entries.length ? "" : "Nothing has happened yet.");
			replace(list, entries.map(({ time, tone, text, detail }, index) => [
				day(time) !== (index && day(entries[index - 1].time)) && h("li.timeline-day", day(time)),
				h(`li.happening.${tone}`, h("time", clock(time)), h("span.dot"), h("div", h("span", text), detail && h("small", detail))),
			]));
		} catch (error) {
			setText(message, error.message);
		}
	};
	return {
		element: h("section.scroll-page", { tabindex: "0", "aria-label": "Events" }, message, list), show: update, happened: update,
	};
}
