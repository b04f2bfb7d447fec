// Windows over a session's journal: lines by their place in it, however much there is.
import { lines, request, sessionPath } from "./connection.js";

// The place right before an event. A place is INSTANCE:STDOUT:STDERR, with positions in bytes.
export function placeBefore({ cursor, seq, data }) {
	const [instance, stdout, stderr] = cursor.split(":");
	return data.stream === "stderr" ? `${instance}:${stdout}:${seq}` : `${instance}:${seq}:${stderr}`;
}

export function contentOf({ content, encoding }) {
	if (encoding !== "base64") return content;
	return new TextDecoder().decode(Uint8Array.from(atob(content), (character) => character.charCodeAt(0)));
}

// @param query {limit}, with {from} or {before} a place, or {tail}; with {grep} only lines that have a text in them.
export async function readJournal(id, query) {
	const events = [];
	for await (const event of lines("GET", sessionPath(id, "/logs"), { query: { json: true, stream: "all", ...query } })) {
		if (event.type === "output" || event.type === "gap") events.push(event);
	}
	return events;
}

export const readHistory = (id) => request("GET", sessionPath(id, "/events"));
