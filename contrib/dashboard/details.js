// All that is known of a session, in words.
import { h, replace, setText } from "./dom.js";
import { commandText, count, ending, moment, size, stateWord } from "./format.js";

export function Details(session, { loadStatus }) {
	const list = h("div.details");
	const update = async () => {
		try {
			replace(list, describe(await loadStatus()));
		} catch (error) {
			replace(list, h("p.quiet-note", error.message));
		}
	};
	return {
		element: h("section.scroll-page", { tabindex: "0", "aria-label": "Details" }, list), show: update, happened: update,
	};
}

function describe({ sessionId, tty, terminal, child = {}, keeper = {}, streams = {}, labels = {}, exit, ...status }) {
	const chips = Object.entries(labels).sort().map(([name, value]) => h("span.chip", h("b", name), value));
	return [
		group("Session", {
			State: [stateWord(status.state), status.reason].filter(Boolean).join(": "), Note: status.note,
			Ended: exit && `${ending(exit) || "unknown how"}, ${moment(exit.at)}`,
			"Next start": status.nextStartAt && moment(status.nextStartAt),
			Command: h("code", commandText(status.command ?? [])), Directory: h("code", status.cwd ?? ""),
			Labels: chips.length ? chips : "none", Terminal: tty ? `${terminal?.cols ?? "?"} × ${terminal?.rows ?? "?"}` : "none",
		}),
		group("Command", {
			Process: child.pid, Started: child.startedAt && moment(child.startedAt), Ready: child.readyAt && moment(child.readyAt),
			Restarts: child.restarts !== undefined && count(child.restarts),
		}),
		group("Output kept", Object.fromEntries(Object.entries(streams).map(([name, { first, next }]) =>
			[name, `${size(next - first)}${first > 0 ? `, ${size(first)} before it are gone` : ""}`]))),
		group("Keeper", {
			Process: keeper.pid, Version: keeper.version, Since: keeper.startedAt && moment(keeper.startedAt),
			Unit: keeper.unit, "Control group": keeper.cgroup && h("code", keeper.cgroup),
		}),
		group("The end of stderr", { "": status.stderrTail && h("pre", status.stderrTail) }),
		h("section", h("h2", "On a command line"), [
			tty ? `keeperctl attach ${sessionId}` : `keeperctl write ${sessionId} 'a line'`,
			`keeperctl logs -f ${sessionId}`, `keeperctl restart ${sessionId}`,
		].map(copyable)),
	];
}

function group(title, values) {
	const shown = Object.entries(values).filter(([, value]) => value);
	return shown.length > 0 && h("section", h("h2", title),
		h("dl", shown.map(([name, value]) => h("div", h("dt", name), h("dd", value)))));
}

const copyable = (text) => h("p.command", h("code", text), h("button.toggle", {
	"aria-label": `Copy ${text}`,
	async onclick({ currentTarget }) {
		setText(currentTarget, await navigator.clipboard?.writeText(text).then(() => "Copied", () => null) ?? "Not allowed");
		setTimeout(() => setText(currentTarget, "Copy"), 1500);
	},
}, "Copy"));
