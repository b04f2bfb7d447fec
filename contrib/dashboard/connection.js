// The way to the gateway: requests over HTTP, and one WebSocket for all that comes by itself.

/** What the gateway answers when it refuses. `code` is for programs, the message for people. */
export class Refusal extends Error {
	constructor(message, code, status) {
		super(message);
		this.code = code;
		this.status = status;
	}
}

const shortestPause = 500;
const longestPause = 15_000;
/** A connection that says nothing for so long is asked whether it is there, and given up without an answer. */
const silence = 20_000;
const patience = 10_000;

/**
 * Events: "state" when the connection comes or goes, "event" with what sessions do, "tokenNeeded".
 */
export class Connection extends EventTarget {
	/** "connecting", "live" or "offline". */
	state = "connecting";
	/** Since when nothing is live, as a time. */
	lostAt = null;
	/** "control" or "read"; null until the gateway has said so. */
	right = null;
	version = null;
	host = "";
	/** Whether the gateway was replaced by another version than the one that served this page. */
	isOtherVersion = false;

	#base = new URL("api/v1/", document.baseURI);
	#socket = null;
	#pause = shortestPause;
	#timer = 0;
	#heardAt = 0;
	#number = 0;
	#waiting = new Map();
	#follows = new Map();

	constructor() {
		super();
		addEventListener("online", () => this.#retry());
		document.addEventListener("visibilitychange", () => document.hidden || this.#retry());
		setInterval(() => this.#checkSilence(), 5000);
	}

	// Requests

	/** @returns the JSON of the answer, its text if it is none, or null without a body. */
	async request(method, path, { query, body, signal, headers = {} } = {}) {
		const response = await this.#fetch(method, path, { query, body, signal, headers });
		if (response.status === 204) return null;
		const text = await response.text();
		return response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : text;
	}

	/** The answer's lines of JSON, as they come. */
	async *lines(method, path, options = {}) {
		const response = await this.#fetch(method, path, options);
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		let rest = "";
		for (;;) {
			const { value, done } = await reader.read();
			if (done) break;
			const parts = (rest + value).split("\n");
			rest = parts.pop();
			for (const part of parts) if (part) yield JSON.parse(part);
		}
		if (rest) yield JSON.parse(rest);
	}

	async #fetch(method, path, { query, body, signal, headers = {} }) {
		const url = new URL(path, this.#base);
		for (const [name, value] of Object.entries(query ?? {})) {
			for (const one of [value].flat()) if (one !== undefined && one !== null) url.searchParams.append(name, one);
		}
		let response;
		try {
			response = await fetch(url, {
				method,
				signal,
				headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
				body: body === undefined ? undefined : JSON.stringify(body),
			});
		} catch (error) {
			if (error.name === "AbortError") throw error;
			throw new Refusal("the gateway can't be reached", "offline", 0);
		}
		if (response.ok) return response;
		if (response.status === 401) this.dispatchEvent(new Event("tokenNeeded"));
		const answer = await response.json().catch(() => null);
		throw new Refusal(
			answer?.error?.message ?? `the gateway answers ${response.status}`, answer?.error?.code ?? "", response.status);
	}

	/** Trades a token for a cookie that no script can read. */
	async login(token) {
		await this.request("POST", "login", { headers: { Authorization: `Bearer ${token}` } });
	}

	/** Where the terminal of a session is served. */
	attachURL(id) {
		return this.#socketURL(`sessions/${encodeURIComponent(id)}/attach`);
	}

	#socketURL(path) {
		const url = new URL(path, this.#base);
		url.protocol = url.protocol.replace("http", "ws");
		return url;
	}

	// The WebSocket

	open() {
		clearTimeout(this.#timer);
		if (this.#socket) return;
		const socket = new WebSocket(this.#socketURL("ws"));
		this.#socket = socket;
		this.#heardAt = Date.now();
		socket.onopen = () => this.#greet();
		socket.onmessage = (message) => this.#take(message.data);
		socket.onclose = () => this.#lose(socket);
	}

	async #greet() {
		try {
			const { right, version, host } = await this.#call("hello", {});
			this.isOtherVersion = this.version !== null && this.version !== version;
			Object.assign(this, { right, version, host: host ?? "" });
			this.#pause = shortestPause;
			for (const follow of this.#follows.values()) this.#subscribe(follow);
			this.#become("live");
		} catch {
			this.#socket?.close();
		}
	}

	#lose(socket) {
		if (socket !== this.#socket) return;
		this.#socket = null;
		for (const { reject } of this.#waiting.values()) reject(new Refusal("the connection was lost", "offline", 0));
		this.#waiting.clear();
		for (const follow of this.#follows.values()) follow.subscription = null;
		this.lostAt ??= Date.now();
		this.#become("offline");
		this.#timer = setTimeout(() => this.#reopen(), this.#pause * (0.8 + Math.random() * 0.4));
		this.#pause = Math.min(this.#pause * 2, longestPause);
	}

	/** A WebSocket does not tell why it was refused; a request does. */
	async #reopen() {
		try {
			await this.request("GET", "hello");
		} catch (error) {
			if (error.status === 401) return;
		}
		if (!this.#socket) this.open();
	}

	#retry() {
		if (this.state === "offline" && !this.#socket) {
			this.#pause = shortestPause;
			clearTimeout(this.#timer);
			this.#reopen();
		}
	}

	#checkSilence() {
		const quiet = Date.now() - this.#heardAt;
		if (!this.#socket || this.state !== "live" || quiet < silence) return;
		if (quiet > silence + patience) {
			const socket = this.#socket;
			socket.onclose = null;
			socket.close();
			this.#lose(socket);
		} else {
			this.#call("hello", {}).catch(() => {});
		}
	}

	#become(state) {
		if (state === "live") this.lostAt = null;
		this.state = state;
		this.dispatchEvent(new Event("state"));
	}

	#call(method, params) {
		return new Promise((resolve, reject) => {
			if (this.#socket?.readyState !== WebSocket.OPEN) return reject(new Refusal("not connected", "offline", 0));
			const id = (this.#number += 1);
			this.#waiting.set(id, { resolve, reject });
			this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
		});
	}

	#take(text) {
		this.#heardAt = Date.now();
		const message = JSON.parse(text);
		if (message.method === "follow") {
			const { subscription, event } = message.params;
			const follow = [...this.#follows.values()].find((candidate) => candidate.subscription === subscription);
			// Who follows for figures has the rest from elsewhere.
			if (!follow?.params.metrics || event.type === "metrics") this.dispatchEvent(new CustomEvent("event", { detail: event }));
			return;
		}
		const waiting = this.#waiting.get(message.id);
		if (!waiting) return;
		this.#waiting.delete(message.id);
		const { error } = message;
		if (error) waiting.reject(new Refusal(error.message, error.data?.code ?? "", error.data?.status ?? 0));
		else waiting.resolve(message.result);
	}

	// What is followed

	/** Follows what `params` say, under a name, in place of what that name followed before; nothing without params. */
	follow(name, params) {
		const old = this.#follows.get(name);
		if (old && JSON.stringify(old.params) === JSON.stringify(params)) return;
		if (old) {
			this.#follows.delete(name);
			this.#unsubscribe(old);
		}
		if (!params) return;
		const follow = { params, subscription: null };
		this.#follows.set(name, follow);
		if (this.state === "live") this.#subscribe(follow);
	}

	async #subscribe(follow) {
		try {
			const { subscription } = await this.#call("follow", follow.params);
			follow.subscription = subscription;
			// It was given up while the answer was on its way.
			if (![...this.#follows.values()].includes(follow)) this.#unsubscribe(follow);
		} catch {
			// Lost with the connection, and asked for again with the next; or a session that is gone.
		}
	}

	#unsubscribe({ subscription }) {
		if (subscription !== null) this.#call("unfollow", { subscription }).catch(() => {});
	}
}
