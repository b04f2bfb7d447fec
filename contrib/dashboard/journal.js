// Windows over a session's journal: lines by their place in it, however much there is.

/** The positions of a cursor, "INSTANCE:STDOUT:STDERR". */
export function parseCursor(cursor) {
	const [instance, stdout, stderr] = cursor.split(":");
	return { instance, stdout: Number(stdout), stderr: Number(stderr) };
}

/** The place right before an event. */
export function placeBefore(event) {
	const { instance, stdout, stderr } = parseCursor(event.cursor);
	return event.data.stream === "stderr"
		? `${instance}:${stdout}:${event.seq}` : `${instance}:${event.seq}:${stderr}`;
}

/** The text of an event; what is no UTF-8 has marks in it. */
export function contentOf({ content, encoding }) {
	if (encoding !== "base64") return content;
	const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
	return new TextDecoder().decode(bytes);
}

export class Journal {
	#connection;
	#path;

	constructor(connection, id) {
		this.#connection = connection;
		this.#path = `sessions/${encodeURIComponent(id)}/`;
	}

	/** The last lines. */
	async newest(count, signal) {
		return this.#read({ tail: count }, signal);
	}

	/** Lines that end at a place. */
	async before(cursor, count, signal) {
		return this.#read({ before: cursor, limit: count }, signal);
	}

	/** Lines from a place on. */
	async from(cursor, count, signal) {
		return this.#read({ from: cursor, limit: count }, signal);
	}

	async oldest(count, signal) {
		return this.#read({ limit: count }, signal);
	}

	/** The next line with a text in it, or the one before a place; null without one. */
	async find(text, { before, from }, signal) {
		const query = { grep: text, limit: 1, ...(before ? { before } : { from }) };
		const [event] = await this.#read(query, signal);
		return event ?? null;
	}

	async #read(query, signal) {
		const events = [];
		const options = { query: { json: "true", stream: "all", ...query }, signal };
		for await (const event of this.#connection.lines("GET", `${this.#path}logs`, options)) {
			if (event.type === "output" || event.type === "gap") events.push(event);
		}
		return events;
	}

	/** What happened to the session, as its keeper has recorded it. */
	async history() {
		const events = await this.#connection.request("GET", `${this.#path}events`);
		return Array.isArray(events) ? events : String(events).split("\n").filter(Boolean).map((line) => JSON.parse(line));
	}
}
