// The way to the gateway: requests over HTTP, and one WebSocket for all that comes by itself. Emits "state" when the
// connection comes or goes, "event" with what sessions do, and "tokenNeeded".
import { emit } from "./dom.js";

class Refusal extends Error {
	constructor(message, code = "", status = 0) {
		super(message);
		Object.assign(this, { code, status });
	}
}

const shortestPause = 500;
const longestPause = 15_000;
// A connection that says nothing for so long is asked whether it is there, and given up without an answer.
const silence = 20_000;
const patience = 10_000;

export const gateway = {
	state: "connecting",
	lostAt: null,
	// Whether the token allows more than looking; not known until the gateway has said so.
	canControl: false,
	host: "",
	version: null,
	// Whether it was replaced by another version than the one that served this page.
	isOtherVersion: false,
};

const base = new URL("api/v1/", document.baseURI);
const calls = new Map();
const follows = new Map();
let socket = null;
let pause = shortestPause;
let timer = 0;
let heardAt = 0;
let number = 0;

export const sessionPath = (id, rest = "") => `sessions/${encodeURIComponent(id)}${rest}`;

// @returns the JSON of the answer, or its text if it is none.
export async function request(method, path, options) {
	const response = await ask(method, path, options);
	const text = await response.text();
	return response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : text;
}

export async function* lines(method, path, options) {
	const reader = (await ask(method, path, options)).body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	for (let part; !(part = await reader.read()).done;) {
		const texts = (rest + part.value).split("\n");
		rest = texts.pop();
		for (const text of texts) if (text) yield JSON.parse(text);
	}
	if (rest) yield JSON.parse(rest);
}

async function ask(method, path, { query = {}, body, headers } = {}) {
	const url = new URL(path, base);
	for (const name in query) if (query[name] != null) url.searchParams.append(name, query[name]);
	let response;
	try {
		response = await fetch(url, {
			method, headers: { ...(body && { "Content-Type": "application/json" }), ...headers }, body: body && JSON.stringify(body),
		});
	} catch {
		throw new Refusal("the gateway can't be reached", "offline");
	}
	if (response.ok) return response;
	if (response.status === 401) emit("tokenNeeded");
	const { error } = await response.json().catch(() => ({}));
	throw new Refusal(error?.message ?? `the gateway answers ${response.status}`, error?.code, response.status);
}

// Trades a token for a cookie that no script can read.
export const login = (token) => request("POST", "login", { headers: { Authorization: `Bearer ${token}` } });

export function socketURL(path) {
	const url = new URL(path, base);
	url.protocol = url.protocol.replace("http", "ws");
	return url;
}

export function open() {
	clearTimeout(timer);
	if (socket) return;
	const own = socket = new WebSocket(socketURL("ws"));
	heardAt = Date.now();
	own.onopen = greet;
	own.onmessage = (message) => take(JSON.parse(message.data));
	own.onclose = () => own === socket && lose();
}

async function greet() {
	try {
		const { right, version, host = "" } = await call("hello");
		gateway.isOtherVersion = gateway.version !== null && gateway.version !== version;
		Object.assign(gateway, { version, host, canControl: right === "control", lostAt: null });
		pause = shortestPause;
		for (const follow of follows.values()) subscribe(follow);
		become("live");
	} catch {
		socket?.close();
	}
}

function lose() {
	socket = null;
	for (const { reject } of calls.values()) reject(new Refusal("the connection was lost", "offline"));
	calls.clear();
	for (const follow of follows.values()) follow.subscription = null;
	gateway.lostAt ??= Date.now();
	become("offline");
	timer = setTimeout(reopen, pause * (0.8 + Math.random() * 0.4));
	pause = Math.min(pause * 2, longestPause);
}

function become(state) {
	gateway.state = state;
	emit("state");
}

// A WebSocket does not tell why it was refused; a request does.
async function reopen() {
	try {
		await request("GET", "hello");
	} catch (error) {
		if (error.status === 401) return;
	}
	open();
}

function retry() {
	if (gateway.state !== "offline" || socket || document.hidden) return;
	pause = shortestPause;
	clearTimeout(timer);
	reopen();
}

addEventListener("online", retry);
document.addEventListener("visibilitychange", retry);
setInterval(() => {
	const quiet = Date.now() - heardAt;
	if (!socket || gateway.state !== "live" || quiet < silence) return;
	if (quiet < silence + patience) return void call("hello").catch(() => {});
	socket.close();
	lose();
}, 5000);

function call(method, params = {}) {
	return new Promise((resolve, reject) => {
		if (socket?.readyState !== WebSocket.OPEN) return reject(new Refusal("not connected", "offline"));
		calls.set(++number, { resolve, reject });
		socket.send(JSON.stringify({ jsonrpc: "2.0", id: number, method, params }));
	});
}

function take({ method, params, id, error, result }) {
	heardAt = Date.now();
	if (method === "follow") {
		// Who follows for figures has the rest from elsewhere.
		if (follows.get("figures")?.subscription !== params.subscription || params.event.type === "metrics") emit("event", params.event);
		return;
	}
	const waiting = calls.get(id);
	calls.delete(id);
	if (error) waiting?.reject(new Refusal(error.message, error.data?.code, error.data?.status));
	else waiting?.resolve(result);
}

// Follows what `params` say, under a name, in place of what that name followed before; nothing without params.
export function follow(name, params) {
	const old = follows.get(name);
	if (JSON.stringify(old?.params) === JSON.stringify(params)) return;
	follows.delete(name);
	if (old) unsubscribe(old);
	if (!params) return;
	const next = { name, params, subscription: null };
	follows.set(name, next);
	if (gateway.state === "live") subscribe(next);
}

async function subscribe(follow) {
	try {
		follow.subscription = (await call("follow", follow.params)).subscription;
		// It was given up while the answer was on its way.
		if (follows.get(follow.name) !== follow) unsubscribe(follow);
	} catch { /* Lost with the connection, and asked for again with the next; or a session that is gone. */ }
}

function unsubscribe({ subscription }) {
	if (subscription !== null) call("unfollow", { subscription }).catch(() => {});
}
