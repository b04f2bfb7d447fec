// What can be done to a session. Each action is a word; what ends something asks once, and names it.
import { confirmEnding, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { age } from "./format.js";

const signals = ["INT", "TERM", "HUP", "USR1", "USR2", "QUIT", "KILL", "WINCH", "STOP", "CONT"];

const path = (session, rest = "") => `sessions/${encodeURIComponent(session.id)}${rest}`;

const post = (name, doing, done) => async ({ connection, session, say }) => {
	say(`${doing} …`);
	await connection.request("POST", path(session, `/${name}`), { body: {} });
	return done;
};

function since(session) {
	return session.startedAt ? ` It has been there for ${age(Date.now() - session.startedAt)}.` : "";
}

/**
 * Actions as {name, key, isMain, isDanger, applies(session), run(context)}. The context is {connection, session, status,
 * say(text), start(options)}; run gives what to say about its success, or null when it was not confirmed.
 */
export const actions = [
	{
		name: "Pause", key: "p", isMain: true,
		applies: (session) => session.state === "running",
		run: post("pause", "Pausing", "Paused."),
	},
	{
		name: "Resume", key: "p", isMain: true,
		applies: (session) => session.state === "paused",
		run: post("resume", "Resuming", "Resumed."),
	},
	{
		name: "Restart", key: "r", isMain: true, isDanger: true,
		applies: (session) => session.isLive && session.state !== "stuck",
		async run(context) {
			const { session } = context;
			const answer = await confirmEnding({
				title: `Restart ${session.id}?`, verb: `Restart ${session.id}`,
				text: `Its command is ended by its stop steps and started again.${since(session)}`,
			});
			return answer && post("restart", "Restarting", "Restarted.")(context);
		},
	},
	{
		name: "Stop", key: "x", isMain: true, isDanger: true,
		applies: (session) => session.isLive,
		async run({ connection, session, say }) {
			const now = h("label.check", h("input", { type: "checkbox", name: "now" }),
				h("span", "At once", h("small", "Kill it without giving it time to end by itself")));
			const answer = await confirmEnding({
				title: `Stop ${session.id}?`, verb: `Stop ${session.id}`, fields: [now],
				text: `Its command is ended by its stop steps, and no other follows. Its output stays.${since(session)}`,
			});
			if (!answer) return null;
			say("Stopping …");
			await connection.request("DELETE", path(session), { query: { now: answer.now && "true" } });
			return "Stopped.";
		},
	},
	{
		name: "Start again", key: "r", isMain: true,
		applies: (session) => !session.isLive,
		async run({ session, status, start }) {
			start({
				sessionId: session.id, command: status?.command, cwd: status?.cwd, labels: session.labels, tty: status?.tty,
			});
			return null;
		},
	},
	{
		name: "Send a signal …", applies: (session) => session.isLive, run: (context) => chooseSignal(context),
	},
	{
		name: "End its input", applies: (session) => session.isLive,
		async run({ connection, session }) {
			const answer = await confirmEnding({
				title: `End the input of ${session.id}?`, verb: "End its input",
				text: "Its command reads an end of file after all lines so far. Many commands end then.",
			});
			if (!answer) return null;
			await connection.request("POST", path(session, "/eof"), { body: {} });
			return "Its input has ended.";
		},
	},
	{
		name: "Labels …", key: "l", applies: (session) => session.isLive, run: (context) => editLabels(context),
	},
	{
		name: "Start another like it …", applies: () => true,
		async run({ session, status, start }) {
			start({ command: status?.command, cwd: status?.cwd, labels: session.labels, tty: status?.tty });
			return null;
		},
	},
];

export const applicable = (session) => actions.filter((action) => action.applies(session));

/** Runs a dialog with a form. The dialog stays, with the reason, if what it does fails. */
function ask(title, content, verb, act) {
	return new Promise((resolve) => {
		let outcome = null;
		const trouble = h("p.trouble", { role: "alert" });
		const form = h("form.plain-form", content, trouble,
			h("footer", h("button", { onclick: () => dialog.close() }, "Cancel"),
				h("button", { type: "submit", class: "primary" }, verb)));
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			try {
				outcome = await act(new FormData(form));
				dialog.close();
			} catch (error) {
				trouble.textContent = error.message;
			}
		});
		const dialog = openDialog({ title, className: "small" }, form);
		dialog.addEventListener("close", () => resolve(outcome));
	});
}

function chooseSignal({ connection, session }) {
	const field = h("label.field", h("span", "Signal"),
		h("select", { name: "name" }, signals.map((name) => h("option", { value: name }, name))),
		h("small", "Its whole process group gets it. TERM and KILL end most commands."));
	return ask(`Send a signal to ${session.id}`, field, "Send", async (data) => {
		const name = data.get("name");
		await connection.request("POST", path(session, "/signal"), { body: { name } });
		return `Sent ${name}.`;
	});
}

function editLabels({ connection, session }) {
	const before = Object.entries(session.labels).map(([name, value]) => `${name}=${value}`).join("\n");
	const field = h("label.field", h("span", "One label on each line, NAME=VALUE"),
		h("textarea", { name: "labels", rows: "5", class: "code", spellcheck: "false", value: before }));
	return ask(`Labels of ${session.id}`, field, "Save", async (data) => {
		const labels = labelsFrom(data.get("labels"));
		const changes = { ...labels };
		for (const name of Object.keys(session.labels)) if (!(name in labels)) changes[name] = null;
		for (const [name, value] of Object.entries(labels)) if (session.labels[name] === value) delete changes[name];
		if (!Object.keys(changes).length) return null;
		await connection.request("PATCH", path(session), { body: { labels: changes } });
		return "Labels changed.";
	});
}

/** Labels from lines or words of NAME=VALUE. */
export function labelsFrom(text) {
	const labels = {};
	for (const line of text.split("\n").map((part) => part.trim()).filter(Boolean)) {
		const end = line.indexOf("=");
		if (end < 1) throw new Error(`“${line}” is no label: NAME=VALUE`);
		labels[line.slice(0, end)] = line.slice(end + 1);
	}
	return labels;
}
