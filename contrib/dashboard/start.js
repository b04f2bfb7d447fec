// The form that starts a session, with all options that "keeperctl spawn" has.
import { request } from "./connection.js";
import { Form, openDialog } from "./dialog.js";
import { emit, h, replace, select, setClass, setText, verbatim } from "./dom.js";
import { commandText, commandWords, filledLines, fromPairs, pairs } from "./format.js";

// In which order options are shown; what they are is told by the gateway.
const groups = {
	Supervision: ["restart", "restartLimit", "ready", "startTimeout", "watchdog"],
	Limits: ["maxRuntime", "idleTimeout", "silenceTimeout", "memoryMax", "memoryWarn", "cpuWarn", "limit"],
	Ending: ["stopSteps", "kill", "leftovers", "rm"],
	"Output and input": ["mergeStderr", "journalSize", "noJournal", "maxLine", "maxPending"],
	Environment: ["env", "envFile", "clearEnv"],
	"Service manager": ["isolate", "cpuQuota", "tasksMax", "property"],
};

const needsShell = /[|&;<>()$`*?~]|^\s*\w+=/;

let schema = null;

async function loadSchema() {
	const { paths } = await request("GET", "../../openapi.json");
	const [, { post }] = Object.entries(paths).find(([path]) => path.endsWith("/sessions"));
	schema = post.requestBody.content["application/json"].schema.properties;
}

const field = (title, input, hint) => h("label.field", h("span", title), input, hint && h("small", hint));
const check = (title, input, hint) => h("label.check", input, h("span", title, hint && h("small", hint)));

function option(name, { type, enum: choices, description }) {
	const id = `start-${name}`;
	const title = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^./, (letter) => letter.toUpperCase());
	if (type === "boolean") return check(title, h("input", { type: "checkbox", name, id }), description);
	if (choices) return field(title, select(title, [["", "as usual"], ...choices], { name, id }), description);
	const isLong = type === "array" || type === "object";
	return field(title, h(isLong ? "textarea.code" : "input.code", verbatim, { name, id, rows: isLong && "2" }),
		`${description}${isLong ? "; one on each line" : ""}`);
}

function valueOf(text, { type }) {
	if (type === "boolean") return true;
	if (type === "integer") return Number(text);
	return type === "object" ? fromPairs(text) : type === "array" ? filledLines(text) : text;
}

// @param known what is filled in: {sessionId, command, cwd, labels, tty}. Emits "started" with the id of the session.
export function openStart(known = {}) {
	const [first, second, script] = known.command ?? [];
	const isShell = first === "sh" && second === "-c";
	const text = isShell ? script : commandText(known.command ?? []);
	const { conversation, ...labels } = known.labels ?? {};
	const command = h("textarea.code", verbatim, { id: "start-command", rows: "2", required: true, placeholder: "python3 -i", value: text, oninput: point });
	const shell = h("input", { type: "checkbox", checked: isShell, id: "start-shell", onchange: point });
	const tty = h("input", { type: "checkbox", checked: known.tty, id: "start-tty" });
	const shellHint = h("small", "For pipes, variables and the like");
	const input = (name, placeholder, value = "", more = {}) => h("input.code", verbatim, { name, id: `start-${name}`, placeholder, value }, more);
	const more = h("div");
	const dialog = openDialog({ title: "Start a session", kind: "wide" }, Form([
		field("Command", command),
		h("div.checks", check("In a terminal", tty, "For shells, editors and the like"),
			h("label.check", shell, h("span", "Run by a shell", shellHint))),
		h("div.fields",
			field("Name", input("sessionId", "a random one", known.sessionId, {
				pattern: "[A-Za-z0-9_@:+][A-Za-z0-9._@:+\\-]{0,63}", title: "Letters, digits and . _ - @ : +",
			})),
			field("Directory", input("cwd", "home", known.cwd)),
			field("Labels", h("textarea.code", verbatim, { name: "labels", id: "start-labels", rows: "1", placeholder: "app=web", value: pairs(labels, "\n") }))),
		h("details.more-options", h("summary", "More options"), more),
	], { verb: "Start", cancel: () => dialog.close() }, async (data) => {
		const body = { command: shell.checked ? ["sh", "-c", command.value] : commandWords(command.value), tty: tty.checked || undefined };
		for (const [name, value] of data) if (value) body[name] = valueOf(value, schema?.[name] ?? {});
		body.labels = fromPairs(data.get("labels"));
		const { sessionId } = await request("POST", "sessions", { body });
		dialog.close();
		emit("started", sessionId);
	}));
	command.focus();
	command.select();
	loadSchema().then(() => replace(more, Object.entries(groups).map(([title, names]) => h("fieldset", h("legend", title),
		h("div.fields", names.map((name) => schema[name] && option(name, schema[name])))))), (error) => setText(more, error.message));

	function point() {
		const isPointed = !shell.checked && needsShell.test(command.value);
		setText(shellHint, isPointed ? "This looks as if it needed one" : "For pipes, variables and the like");
		setClass(shellHint, "pointed", isPointed);
	}
}
