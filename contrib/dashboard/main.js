// The page: who may use it, what is shown where, and the keys.
import { applicable } from "./actions.js";
import { follow, gateway, login, open } from "./connection.js";
import { Form, openDialog } from "./dialog.js";
import { h, icon, iconButton, on, replace, setClass, setText } from "./dom.js";
import { clock, count } from "./format.js";
import { filter, listElement, neighbour, selectSession, sessionHash, setFilter, shownSessions } from "./list.js";
import { openPalette } from "./palette.js";
import { SessionPage } from "./session.js";
import { openStart } from "./start.js";
import { changed, known, load, loadSoon, sessions } from "./store.js";

const keys = {
	Everywhere: { "Ctrl K": "Commands and sessions", "/": "Filter the list", "j k": "The next session, the one before", n: "Start a session", "?": "These keys" },
	"In a session": { "1 … 5": "Its tabs", w: "Write to it", p: "Pause, resume", r: "Restart, start again", x: "Stop", l: "Labels" },
	"In its output": { "g G": "The oldest line, the newest", t: "Times", z: "Wrap long lines", s: "Search" },
	"In a terminal": { "Shift Esc": "Leave it", "Shift drag": "Select although a program has the mouse" },
};

let page = null;
let visible = [];
let followTimer = 0;
let welcomed = -1;
let counted = -1;
let isLocked = false;

const summary = h("div.summary");
const host = h("span.host");
const live = h("span.live", { role: "status" });
const startButton = h("button.primary", { "aria-label": "Start", hidden: true, onclick: start }, icon("plus"), h("span", "Start"));
const main = h("section.main", { id: "content" });
const notice = h("div.notice", { role: "status", hidden: true });
replace(document.body,
	h("a.skip", { href: "#content", onclick(event) {
		event.preventDefault();
		main.querySelector("[tabindex='0']")?.focus();
	} }, "To the content"),
	h("header.top", h("h1", h("a.brand", { href: "#/" }, "keeper")), summary, h("span.space"), host, live,
		iconButton("search", "Commands", showPalette), startButton),
	notice, h("main.body", listElement, main));

addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? begin() : route()));
addEventListener("keydown", takeKey);
setInterval(() => page?.update(), 10_000);
// What changes without an event, such as labels.
setInterval(() => document.hidden || gateway.state !== "live" || loadSoon(), 20_000);
on("tokenNeeded", askToken);
on("output", (session) => session === page?.session && page.woken());
on("status", (session) => session === page?.session && page.happened());
on("visible", (ids) => {
	visible = ids;
	followFigures();
});
on("started", async (id) => {
	await load().catch(() => {});
	setFilter("");
	if (location.hash === sessionHash(id)) route();
	else location.hash = sessionHash(id);
});
begin();

async function begin() {
	const token = /^#token=(.+)$/.exec(location.hash)?.[1];
	// Never in the history, nor in a picture of the screen.
	if (token) history.replaceState(null, "", location.pathname);
	try {
		if (token) await login(decodeURIComponent(token));
		await enter();
	} catch (error) {
		if (error.status !== 401) tell(error.message);
	}
}

async function enter() {
	lock(false);
	open();
	await load();
	route();
}

on("state", () => {
	const { state, lostAt, canControl, isOtherVersion, version } = gateway;
	setText(host, gateway.host);
	startButton.hidden = !canControl;
	live.className = `live ${state}`;
	setText(live, state === "offline" ? `not live since ${clock(lostAt)}` : state);
	setClass(document.body, "offline", state === "offline");
	if (state !== "live") return;
	follow("all", { all: true, from: "now", output: "last" });
	load().catch(() => {});
	page?.resumed();
	// What may be pressed is known only now.
	if (page && page.canControl !== canControl) leave();
	route();
	if (isOtherVersion) tell(`The gateway is now version ${version}.`, h("button", { onclick: () => location.reload() }, "Reload"));
});

function followFigures() {
	clearTimeout(followTimer);
	followTimer = setTimeout(() => {
		const ids = [...new Set([...visible, ...(page?.session.isLive ? [page.session.id] : [])])].sort();
		follow("figures", ids.length ? { sessions: ids, from: "now", metrics: "2s", output: "last" } : null);
	}, 200);
}

function tell(...content) {
	notice.hidden = false;
	replace(notice, content);
}

function lock(isOn) {
	isLocked = isOn;
	setClass(document.body, "locked", isOn);
}

// Without a token there is nothing to see but the question for it.
function askToken() {
	if (isLocked) return;
	lock(true);
	const field = h("input.code", { type: "password", id: "token", required: true, autocomplete: "off", placeholder: "Token" });
	replace(main, h("div.token-form", Form([
		h("label", { for: "token" }, "This page needs the gateway's token."), field,
		h("p.quiet", "It is printed by ", h("code", "keeperctl gateway --show-token")),
	], { verb: "Open" }, async () => {
		await login(field.value.trim()).catch((error) => {
			throw error.status === 401 ? new Error("That is not the token.") : error;
		});
		await enter();
	})));
	field.focus();
}

on("change", () => {
	if (counted !== known.revision) showCounts();
	if (page && sessions.get(page.session.id) !== page.session) route();
	else page?.update();
	if (page && !document.hidden && page.session.markSeen()) changed();
	if (!page && known.isLoaded && sessions.size !== welcomed) route();
});

// Says how many there are; only when that may have changed, as there may be thousands.
function showCounts() {
	counted = known.revision;
	const numbers = [0, 0, 0];
	for (const { isLive, trouble, need } of sessions.values()) {
		if (isLive) numbers[0] += 1;
		if (trouble) numbers[1] += 1;
		if (need) numbers[2] += 1;
	}
	if (summary.title === (summary.title = `${numbers.join()}`)) return;
	document.title = numbers[2] ? `(${numbers[2]}) keeper` : "keeper";
	replace(summary, [["running", "", "", ""], ["failed", "", "failed", "failed"], ["waiting", "for you", "attention", "needs you"]]
		.map(([word, more, tone, text], index) => (numbers[index] || !index) && h(`button.count.${tone}`, { onclick: () => setFilter(text) },
			h("b", count(numbers[index])), word, h("span.desktop", more))));
}

function leave() {
	page?.close();
	page = null;
}

function route() {
	if (isLocked || !known.isLoaded) return;
	welcomed = sessions.size;
	const [, id, tab] = location.hash.split("/").map(decodeURIComponent);
	const session = sessions.get(id);
	setClass(document.body, "at-session", id);
	setClass(document.body, "is-empty", !welcomed);
	if (page?.session !== session) {
		leave();
		page = session ? SessionPage(session) : null;
		if (page) replace(main, page.element);
	}
	if (page) page.open(tab);
	else replace(main, id ? missing(id) : welcome());
	selectSession(session ? id : null);
	followFigures();
}

const missing = (id) => h("div.welcome", h("h1", `There is no session ${id}`),
	h("p", "It has removed its files, or was never here."), h("a.button", { href: "#/" }, "All sessions"));

const welcome = () => h("div.welcome", sessions.size ? [
	h("p", "Choose a session, or press ", h("kbd", "j"), "."), h("p", h("kbd", "?"), " shows all keys."),
] : [
	h("h1", "Nothing runs yet"),
	h("p", "A session is a command that goes on when you leave. Start the first one here, or on a command line:"),
	h("pre", "keeperctl spawn calc -- bc -q"),
	gateway.canControl && h("button.primary", { onclick: start }, "Start a session"),
]);

function start() {
	if (gateway.canControl) openStart();
}

function showPalette() {
	const go = (id, tab) => () => (location.hash = sessionHash(id, tab));
	const id = page?.session.id;
	openPalette([
		...(page?.canControl ? applicable(page.session) : []).map((action) =>
			({ name: `${action.name} ${id}`.replace(" …", ""), key: action.key, act: () => page.perform(action) })),
		...(page?.tabs ?? []).map((tab, index) => ({ name: `Show ${tab}`, detail: id, key: index + 1, act: go(id, tab) })),
		...(gateway.canControl ? [{ name: "Start a session", key: "n", act: start }] : []),
		{ name: "Show keys", key: "?", act: showKeys },
		...shownSessions().map((session) => ({ name: session.id, detail: session.need ?? session.hint, session, act: go(session.id) })),
	]);
}

function showKeys() {
	openDialog({ title: "Keys", kind: "wide" }, h("div.keys", Object.entries(keys).map(([title, list]) =>
		h("section", h("h3", title), h("dl", Object.entries(list).map(([key, text]) =>
			h("div", h("dt", key.split(" ").map((part) => (part === "…" ? part : h("kbd", part)))), h("dd", text))))))));
}

function takeKey(event) {
	const { key, target } = event;
	const isChord = event.ctrlKey || event.metaKey;
	const within = (selector) => target.closest?.(selector);
	if (event.defaultPrevented || event.isComposing || event.altKey || isLocked || document.querySelector("dialog, [popover]")) return;
	if (isChord && key.toLowerCase() === "k") {
		event.preventDefault();
		return showPalette();
	}
	if (isChord || within("input, textarea, select") || (key === "Enter" && within("a, button, summary"))) return;
	const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
	let isTaken = true;
	if (step && (key.length === 1 || listElement.contains(target) || !page)) {
		const session = neighbour(step);
		if (session) location.hash = sessionHash(session.id);
	} else if (key === "/") {
		filter.focus();
	} else if (key === "n") {
		start();
	} else if (key === "?") {
		showKeys();
	} else if (key === "Escape" && page) {
		location.hash = "#/";
	} else {
		isTaken = page?.key(key);
	}
	if (isTaken) event.preventDefault();
}
