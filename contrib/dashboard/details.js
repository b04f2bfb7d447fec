// All that is known of a session, in words.
import { h, replace, setText } from "./dom.js";
import { commandText, count, ending, moment, size, stateWord } from "./format.js";

export class Details {
	#context;

	constructor(context) {
		this.#context = context;
		this.list = h("div.details");
		this.element = h("section.scroll-page", { tabindex: "0", "aria-label": "Details" }, this.list);
	}

	show() {
		return this.happened();
	}

	hide() {}
	end() {}
	wake() {}

	async happened() {
		let status;
		try {
			status = await this.#context.loadStatus();
		} catch (error) {
			return replace(this.list, h("p.quiet-note", error.message));
		}
		const { child = {}, keeper = {}, streams = {} } = status;
		const labels = Object.entries(status.labels ?? {}).sort();
		return replace(this.list,
			group("Session", [
				["State", `${stateWord(status.state)}${status.reason ? `: ${status.reason}` : ""}`], ["Note", status.note],
				["Ended", status.exit && `${ending(status.exit) || "unknown how"}, ${moment(status.exit.at)}`],
				["Next start", status.nextStartAt && moment(status.nextStartAt)],
				["Command", h("code", commandText(status.command ?? []))], ["Directory", h("code", status.cwd ?? "")],
				["Labels", labels.length ? labels.map(([name, value]) => h("span.chip", h("b", name), value)) : "none"],
				["Terminal", status.tty ? `${status.terminal?.cols ?? "?"} × ${status.terminal?.rows ?? "?"}` : "none"],
			]),
			group("Command", [
				["Process", child.pid && String(child.pid)], ["Started", child.startedAt && moment(child.startedAt)],
				["Ready", child.readyAt && moment(child.readyAt)], ["Restarts", child.restarts !== undefined && count(child.restarts)],
			]),
			group("Output kept", Object.entries(streams).map(([name, { first, next }]) => [
				name, `${size(next - first)}${first > 0 ? `, ${size(first)} before it are gone` : ""}`,
			])),
			group("Keeper", [
				["Process", keeper.pid && String(keeper.pid)], ["Version", keeper.version], ["Since", keeper.startedAt && moment(keeper.startedAt)],
				["Unit", keeper.unit], ["Control group", keeper.cgroup && h("code", keeper.cgroup)],
			]),
			status.stderrTail && group("The end of stderr", [["", h("pre", status.stderrTail)]]),
			h("section", h("h2", "On a command line"), commands(status).map(copyable)));
	}
}

function group(title, rows) {
	const shown = rows.filter(([, value]) => value);
	return shown.length > 0 && h("section", h("h2", title),
		h("dl", shown.map(([name, value]) => h("div", h("dt", name), h("dd", value)))));
}

function commands({ sessionId, tty }) {
	return [
		tty ? `keeperctl attach ${sessionId}` : `keeperctl write ${sessionId} 'a line'`, `keeperctl logs -f ${sessionId}`,
		`keeperctl restart ${sessionId}`,
	];
}

function copyable(text) {
	const button = h("button.text-button", { "aria-label": `Copy ${text}` }, "Copy");
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(text);
			setText(button, "Copied");
		} catch {
			setText(button, "Not allowed");
		}
		setTimeout(() => setText(button, "Copy"), 1500);
	});
	return h("p.command", h("code", text), button);
}
