// The form that starts a session, with all options that "keeperctl spawn" has.
import { labelsFrom } from "./actions.js";
import { openDialog } from "./dialog.js";
import { h, setText } from "./dom.js";
import { commandText, commandWords } from "./format.js";

/** Options by group: name, what it is called, what it takes, and a hint. */
const options = [
	["Supervision", [
		["restart", "Start it again", ["no", "on-failure", "always"], "When it ends"],
		["restartLimit", "But no more often than", "10/10m", "Restarts in a time"],
		["ready", "It is ready after", "delay:300ms", "delay:TIME, output, output:TEXT, notify, line:TEXT"],
		["startTimeout", "Must be ready within", "90s"],
		["watchdog", "Must report every", "30s", "WATCHDOG=1 to $NOTIFY_SOCKET"],
	]],
	["Limits", [
		["maxRuntime", "End it after", "8h"],
		["idleTimeout", "End it when idle for", "30m", "No input and no output"],
		["silenceTimeout", "End it when silent for", "5m", "No output after input"],
		["memoryMax", "End it above this memory", "2G"],
		["memoryWarn", "Warn above this memory", "1G"],
		["cpuWarn", "Warn above this CPU", "90", "Percent of one processor"],
		["limit", "Kernel limits", "lines", "NOFILE=1024, one on each line"],
	]],
	["Ending", [
		["stopSteps", "Stop steps", "eof:2s,TERM:2s,KILL:2s", "Signals, and how long each is given"],
		["kill", "Signals go to", ["group", "tree", "process"], "Group is usual"],
		["leftovers", "Processes it leaves", ["end", "leave"], "End is usual"],
		["rm", "Remove all files at its end", true],
	]],
	["Output and input", [
		["mergeStderr", "Write stderr into stdout", true],
		["journalSize", "Keep of each stream", "64M"],
		["noJournal", "Keep no output", true],
		["maxLine", "Refuse longer lines", "16M"],
		["maxPending", "Bound unfinished lines to", "64M"],
	]],
	["Environment", [
		["env", "Variables", "lines", "NAME=VALUE, one on each line"],
		["envFile", "Files of variables", "lines", "Paths, one on each line"],
		["clearEnv", "Start from an empty environment", true],
	]],
	["Service manager", [
		["isolate", "A systemd unit of its own", ["auto", "none", "systemd"], "Auto is usual"],
		["cpuQuota", "Of one CPU at most", "50", "Percent"],
		["tasksMax", "Processes and threads at most", "100"],
		["property", "Properties of the unit", "lines", "NAME=VALUE, one on each line"],
	]],
];

function field(name, title, input, hint) {
	return h("label.field", { for: `start-${name}` }, h("span", title), input, hint && h("small", hint));
}

function option([name, title, kind, hint]) {
	const id = `start-${name}`;
	if (kind === true) return h("label.check", h("input", { type: "checkbox", name, id }), h("span", title));
	if (Array.isArray(kind)) {
		return field(name, title, h("select", { name, id }, h("option", { value: "" }, "as usual"), kind.map((value) => h("option", { value }, value))), hint);
	}
	if (kind === "lines") return field(name, title, h("textarea", { name, id, rows: "2", class: "code", spellcheck: "false" }), hint);
	return field(name, title, h("input", { type: "text", name, id, placeholder: kind, class: "code", autocomplete: "off", spellcheck: "false" }), hint);
}

/** What only a shell understands. */
const needsShell = /[|&;<>()$`*?~]|^\s*\w+=/;

/**
 * Shows the form.
 *
 * @param known what is filled in: {sessionId, command, cwd, labels, tty}.
 * @param started is told the id of the session.
 */
export function openStart(connection, known, started) {
	const isShell = known.command?.length === 3 && known.command[0] === "sh" && known.command[1] === "-c";
	const text = isShell ? known.command[2] : commandText(known.command ?? []);
	const code = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };
	const command = h("textarea", { id: "start-command", rows: "2", class: "code", required: true, placeholder: "python3 -i", value: text, ...code });
	const shell = h("input", { type: "checkbox", checked: isShell, id: "start-shell" });
	const shellHint = h("small", "For pipes, variables and the like");
	const id = h("input", {
		type: "text", id: "start-sessionId", pattern: "[A-Za-z0-9_@:+][A-Za-z0-9._@:+\\-]{0,63}", value: known.sessionId ?? "",
		placeholder: "a random one", title: "Letters, digits and . _ - @ : +", ...code,
	});
	const cwd = h("input", { type: "text", id: "start-cwd", placeholder: "home", value: known.cwd ?? "", class: "code", ...code });
	const labels = h("textarea", {
		id: "start-labels", rows: "1", class: "code", placeholder: "app=web", ...code,
		value: Object.entries(known.labels ?? {}).filter(([name]) => name !== "conversation").map(([name, value]) => `${name}=${value}`).join("\n"),
	});
	const tty = h("input", { type: "checkbox", checked: known.tty ?? false, id: "start-tty" });
	const trouble = h("p.trouble", { role: "alert" });
	const submit = h("button", { type: "submit", class: "primary" }, "Start");

	command.addEventListener("input", () => {
		setText(shellHint, !shell.checked && needsShell.test(command.value) ? "This looks as if it needed one" : "For pipes, variables and the like");
		shellHint.classList.toggle("pointed", !shell.checked && needsShell.test(command.value));
	});

	const form = h("form.start-form",
		field("command", "Command", command),
		h("div.checks",
			h("label.check", tty, h("span", "In a terminal", h("small", "For shells, editors and the like"))),
			h("label.check", shell, h("span", "Run by a shell", shellHint))),
		h("div.fields", field("sessionId", "Name", id), field("cwd", "Directory", cwd), field("labels", "Labels", labels)),
		h("details.more-options", h("summary", "More options"),
			options.map(([title, list]) => h("fieldset", h("legend", title), h("div.fields", list.map(option))))),
		trouble,
		h("footer", h("button", { onclick: () => dialog.close() }, "Cancel"), submit));

	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		setText(trouble, "");
		submit.disabled = true;
		try {
			const body = { ...chosen(new FormData(form)), command: shell.checked ? ["sh", "-c", command.value] : commandWords(command.value) };
			if (id.value) body.sessionId = id.value;
			if (cwd.value) body.cwd = cwd.value;
			if (tty.checked) body.tty = true;
			body.labels = labelsFrom(labels.value);
			const { sessionId } = await connection.request("POST", "sessions", { body });
			dialog.close();
			started(sessionId);
		} catch (error) {
			setText(trouble, error.message);
		} finally {
			submit.disabled = false;
		}
	});
	const dialog = openDialog({ title: "Start a session", className: "wide" }, form);
	command.focus();
	if (text) command.select();
}

/** The options that were filled in, as the gateway takes them. */
function chosen(data) {
	const body = {};
	for (const [name, , kind] of options.flatMap(([, list]) => list)) {
		const value = data.get(name);
		if (!value) continue;
		if (kind === true) body[name] = true;
		else if (kind === "lines") body[name] = value.split("\n").map((line) => line.trim()).filter(Boolean);
		else body[name] = value;
	}
	return body;
}
