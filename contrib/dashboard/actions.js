// What can be done to a session. Each action is a word; what ends something asks once, and names it.
import { request, sessionPath } from "./connection.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { age, fromPairs, pairs } from "./format.js";
import { openStart } from "./start.js";

const signals = ["INT", "TERM", "HUP", "USR1", "USR2", "QUIT", "KILL", "WINCH", "STOP", "CONT"];

const post = ({ id }, name, body = {}) => request("POST", sessionPath(id, `/${name}`), { body });

const simply = (name, doing, done) => async (session, { say }) => {
	say(`${doing} …`);
	await post(session, name);
	return done;
};
const restart = simply("restart", "Restarting", "Restarted.");

const confirm = (session, title, verb, text, more, act) => ask({ title: `${title}?`, verb, isEnd: true }, [
	h("p.quiet", text, session.startedAt > 0 && ` It has been there for ${age(Date.now() - session.startedAt)}.`), more,
], act);

/**
 * Actions as {name, key, isMain, isEnd, applies(session), run(session, page)}: run gives what to say about its success, or
 * null when it was not confirmed.
 */
const actions = [
	{
		name: "Pause", key: "p", isMain: true, applies: ({ state }) => state === "running", run: simply("pause", "Pausing", "Paused."),
	},
	{
		name: "Resume", key: "p", isMain: true, applies: ({ state }) => state === "paused", run: simply("resume", "Resuming", "Resumed."),
	},
	{
		name: "Restart", key: "r", isMain: true, isEnd: true, applies: ({ isLive, state }) => isLive && state !== "stuck",
		run: (session, page) => confirm(session, `Restart ${session.id}`, `Restart ${session.id}`,
			"Its command is ended by its stop steps and started again.", null, () => restart(session, page)),
	},
	{
		name: "Stop", key: "x", isMain: true, isEnd: true, applies: ({ isLive }) => isLive,
		run: (session, { say }) => confirm(session, `Stop ${session.id}`, `Stop ${session.id}`,
			"Its command is ended by its stop steps, and no other follows. Its output stays.",
			h("label.check", h("input", { type: "checkbox", name: "now" }),
				h("span", "At once", h("small", "Kill it without giving it time to end by itself"))),
			async (data) => {
				say("Stopping …");
				await request("DELETE", sessionPath(session.id), { query: { now: data.has("now") || null } });
				return "Stopped.";
			}),
	},
	{
		name: "Start again", key: "r", isMain: true, applies: ({ isLive }) => !isLive,
		run: (session, { status }) => openStart({ ...status, sessionId: session.id, labels: session.labels }),
	},
	{ name: "Send a signal …", applies: ({ isLive }) => isLive, run: sendSignal },
	{
		name: "End its input", applies: ({ isLive }) => isLive,
		run: (session) => confirm(session, `End the input of ${session.id}`, "End its input",
			"Its command reads an end of file after all lines so far. Many commands end then.", null, async () => {
				await post(session, "eof");
				return "Its input has ended.";
			}),
	},
	{ name: "Labels …", key: "l", applies: ({ isLive }) => isLive, run: editLabels },
	{
		name: "Start another like it …", applies: () => true,
		run: (session, { status }) => openStart({ ...status, sessionId: "", labels: session.labels }),
	},
];

export const applicable = (session) => actions.filter((action) => action.applies(session));

function sendSignal(session) {
	return ask({ title: `Send a signal to ${session.id}`, verb: "Send" }, h("label.field", h("span", "Signal"),
		h("select", { name: "name" }, signals.map((name) => h("option", name))),
		h("small", "Its whole process group gets it. TERM and KILL end most commands.")), async (data) => {
		const name = data.get("name");
		await post(session, "signal", { name });
		return `Sent ${name}.`;
	});
}

function editLabels({ id, labels: before }) {
	return ask({ title: `Labels of ${id}`, verb: "Save" }, h("label.field", h("span", "One label on each line, NAME=VALUE"),
		h("textarea.code", { name: "labels", rows: "5", spellcheck: "false", value: pairs(before, "\n") })), async (data) => {
		const labels = fromPairs(data.get("labels"));
		for (const name in before) labels[name] = labels[name] === before[name] ? undefined : labels[name] ?? null;
		if (pairs(JSON.parse(JSON.stringify(labels)))) await request("PATCH", sessionPath(id), { body: { labels } });
		return "Labels changed.";
	});
}
