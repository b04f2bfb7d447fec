// The page: who may use it, what is shown where, and the keys.
import { applicable } from "./actions.js";
import { Connection } from "./connection.js";
import { openDialog } from "./dialog.js";
import { h, icon, replace, setClass, setText } from "./dom.js";
import { clock, plural } from "./format.js";
import { List, sessionHash } from "./list.js";
import { openPalette } from "./palette.js";
import { SessionPage } from "./session.js";
import { openStart } from "./start.js";
import { Store } from "./store.js";

const keys = [
	["Everywhere", [["Ctrl K", "Commands and sessions"], ["/", "Filter the list"], ["j k", "The next session, the one before"], ["n", "Start a session"], ["?", "These keys"]]],
	["In a session", [["1 … 5", "Its tabs"], ["w", "Write to it"], ["p", "Pause, resume"], ["r", "Restart, start again"], ["x", "Stop"], ["l", "Labels"]]],
	["In its output", [["g G", "The oldest line, the newest"], ["t", "Times"], ["z", "Wrap long lines"], ["s", "Search"]]],
	["In a terminal", [["Shift Esc", "Leave it"], ["Shift drag", "Select although a program has the mouse"]]],
];

class Dashboard {
	connection = new Connection();
	store = new Store(this.connection);
	page = null;

	constructor() {
		this.summary = h("div.summary");
		this.host = h("span.host");
		this.live = h("span.live", { role: "status" });
		this.add = h("button.primary", { "aria-label": "Start", hidden: true, onclick: () => this.start() }, icon("plus"), h("span", "Start"));
		this.list = new List(this.store);
		this.main = h("main.main");
		this.notice = h("div.notice", { role: "status", hidden: true });
		replace(document.body,
			h("a.skip", { href: "#panel", onclick: (event) => (event.preventDefault(), this.main.querySelector("[tabindex='0']")?.focus()) }, "To the content"),
			h("header.top", h("a.brand", { href: "#/" }, "keeper"), this.summary, h("span.space"), this.host, this.live,
				h("button.icon-button", { title: "Commands (Ctrl K)", "aria-label": "Commands", onclick: () => this.palette() }, icon("search")),
				this.add),
			this.notice, h("div.body", this.list.element, this.main));
		this.#listen();
	}

	#listen() {
		const { connection, store, list } = this;
		connection.addEventListener("state", () => this.#stateChanged());
		connection.addEventListener("tokenNeeded", () => this.askToken());
		store.addEventListener("change", () => this.#changed());
		store.addEventListener("output", ({ detail }) => detail === this.page?.session && this.page.woken());
		store.addEventListener("status", ({ detail }) => detail === this.page?.session && this.page.happened());
		list.addEventListener("visible", ({ detail }) => {
			this.#follow(detail);
			store.loadLines(detail);
		});
		addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? this.begin() : this.#route()));
		addEventListener("keydown", (event) => this.#key(event));
		setInterval(() => this.page?.update(), 10_000);
		// What changes without an event, such as labels.
		setInterval(() => document.hidden || connection.state !== "live" || store.loadSoon(), 15_000);
	}

	async begin() {
		const token = /^#token=(.+)$/.exec(location.hash)?.[1];
		// Never in the history, nor in a picture of the screen.
		if (token) history.replaceState(null, "", location.pathname);
		try {
			if (token) await this.connection.login(decodeURIComponent(token));
			await this.load();
		} catch (error) {
			if (error.status !== 401) this.#tell(error.message);
		}
	}

	async load() {
		document.body.classList.remove("locked");
		this.connection.open();
		await this.store.load();
		this.#route();
	}

	// The connection

	#stateChanged() {
		const { connection } = this;
		setText(this.host, connection.host);
		this.add.hidden = connection.right !== "control";
		this.#showLive();
		if (connection.state !== "live") return;
		connection.follow("all", { all: true, from: "now", output: "last" });
		this.store.load().catch(() => {});
		this.page?.resumed();
		// What may be pressed depends on the right, which is known only now.
		if (this.page && this.page.context.canControl !== (connection.right === "control")) {
			this.page.close();
			this.page = null;
		}
		this.#route();
		if (connection.isOtherVersion) {
			this.#tell(`The gateway is now version ${connection.version}.`, h("button", { onclick: () => location.reload() }, "Reload"));
		}
	}

	#showLive() {
		const { state, lostAt } = this.connection;
		const text = { live: "live", connecting: "connecting", offline: `not live since ${lostAt ? clock(lostAt) : ""}` }[state];
		this.live.className = `live ${state}`;
		setText(this.live, text);
		setClass(document.body, "offline", state === "offline");
	}

	/** Figures are only taken for what is seen. */
	#follow(ids) {
		const wanted = [...new Set([...ids, ...(this.page?.session.isLive ? [this.page.session.id] : [])])].sort();
		clearTimeout(this.followTimer);
		this.followTimer = setTimeout(() => {
			this.connection.follow("figures", wanted.length ? { sessions: wanted, from: "now", metrics: "2s", output: "last" } : null);
		}, 200);
	}

	#tell(...content) {
		this.notice.hidden = content.length === 0;
		replace(this.notice, content);
	}

	/** Without a token there is nothing to see but the question for it. */
	askToken() {
		const field = h("input", { type: "password", id: "token", required: true, autocomplete: "off", class: "code", placeholder: "Token" });
		const trouble = h("p.trouble", { role: "alert" });
		const form = h("form.token-form", h("h1", "keeper"), h("label", { for: "token" }, "This page needs the gateway's token."),
			field, trouble, h("p.quiet", "It is printed by ", h("code", "keeperctl gateway --show-token")),
			h("button", { type: "submit", class: "primary" }, "Open"));
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			try {
				await this.connection.login(field.value.trim());
				await this.load();
			} catch (error) {
				trouble.textContent = error.status === 401 ? "That is not the token." : error.message;
			}
		});
		if (document.body.classList.contains("locked")) return;
		document.body.classList.add("locked");
		replace(this.main, form);
		field.focus();
	}

	// What is shown

	#changed() {
		if (this.counted !== this.store.revision) this.#count();
		const { page } = this;
		if (page && this.store.get(page.session.id) !== page.session) this.#route();
		else page?.update();
		if (page && !document.hidden && page.session.markSeen()) this.store.changed();
		if (!page && this.store.isLoaded && this.store.sessions.size !== this.welcomed) this.#route();
	}

	/** Says how many there are; only when that may have changed, as there may be thousands. */
	#count() {
		this.counted = this.store.revision;
		const count = { running: 0, failed: 0, waiting: 0 };
		for (const session of this.store.sessions.values()) {
			if (session.isLive) count.running += 1;
			if (session.trouble) count.failed += 1;
			if (session.need) count.waiting += 1;
		}
		const parts = [[count.running, "running", "running", ""], [count.failed, "failed", "failed", "failed"], [count.waiting, "waiting for you", "attention", "needs you"]];
		const text = parts.map(([number]) => number).join();
		if (text !== this.counts) {
			this.counts = text;
			document.title = count.waiting ? `(${count.waiting}) keeper` : "keeper";
			replace(this.summary, parts.filter(([number], index) => number || !index).map(([number, words, tone, filter]) =>
				h("button", { class: `count ${tone}`, onclick: () => this.list.setFilter(filter) }, h("b", String(number)), words.split(" ")[0], h("span.desktop", words.split(" ").slice(1).join(" ")))));
		}
	}

	#route() {
		if (document.body.classList.contains("locked") || !this.store.isLoaded) return;
		this.welcomed = this.store.sessions.size;
		const [, id, tab] = location.hash.split("/").map(decodeURIComponent);
		const session = id && this.store.get(id);
		setClass(document.body, "at-session", id);
		if (session && this.page?.session === session) {
			this.page.open(tab);
		} else {
			this.page?.close();
			this.page = null;
			if (session) {
				this.page = new SessionPage({
					connection: this.connection, store: this.store, session, canControl: this.connection.right === "control", start: (known) => this.start(known),
				});
				replace(this.main, this.page.element);
				this.page.open(tab);
			} else {
				replace(this.main, id ? this.#missing(id) : this.#welcome());
			}
		}
		this.list.select(session ? id : null);
		this.#follow(this.list.visible);
	}

	#missing(id) {
		return h("div.welcome", h("h1", `There is no session ${id}`), h("p", "It has removed its files, or was never here."),
			h("a.button", { href: "#/" }, "All sessions"));
	}

	#welcome() {
		const canControl = this.connection.right === "control";
		if (this.store.sessions.size) {
			return h("div.welcome", h("p", "Choose a session, or press ", h("kbd", "j"), "."),
				h("p.quiet", h("kbd", "?"), " shows all keys."));
		}
		return h("div.welcome", h("h1", "Nothing runs yet"),
			h("p", "A session is a command that goes on when you leave. Start the first one here, or on a command line:"),
			h("pre", "keeperctl spawn calc -- bc -q"),
			canControl && h("button.primary", { onclick: () => this.start() }, "Start a session"));
	}

	// Actions

	start(known = {}) {
		if (this.connection.right !== "control") return;
		openStart(this.connection, known, async (id) => {
			await this.store.load().catch(() => {});
			this.list.setFilter("");
			if (location.hash === sessionHash(id)) this.#route();
			else location.hash = sessionHash(id);
		});
	}

	palette() {
		const { page } = this;
		const canControl = this.connection.right === "control";
		const entries = [
			...(page && canControl ? applicable(page.session).map((action) => ({ name: `${action.name} ${page.session.id}`.replace(" …", ""), key: action.key, act: () => page.perform(action) })) : []),
			...(page ? page.available.map((tab, index) => ({ name: `Show ${tab}`, detail: page.session.id, key: String(index + 1), act: () => (location.hash = sessionHash(page.session.id, tab)) })) : []),
			...(canControl ? [{ name: "Start a session", key: "n", act: () => this.start() }] : []),
			{ name: "Show keys", key: "?", act: () => this.help() },
			...this.list.order.map((session) => ({ name: session.id, detail: session.need ?? session.hint, session, act: () => (location.hash = sessionHash(session.id)) })),
		];
		openPalette(entries);
	}

	help() {
		openDialog({ title: "Keys", className: "wide" }, h("div.keys", keys.map(([title, list]) =>
			h("section", h("h3", title), h("dl", list.map(([key, text]) =>
				h("div", h("dt", key.split(" ").map((part) => (part === "…" ? part : h("kbd", part)))), h("dd", text))))))));
	}

	#key(event) {
		if (event.defaultPrevented || event.isComposing) return;
		if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
			event.preventDefault();
			if (!document.querySelector("dialog")) this.palette();
			return;
		}
		if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog, .locked, [popover]")) return;
		if (event.target.closest?.("input, textarea, select")) return;
		if (event.key === "Enter" && event.target.closest?.("a, button, summary")) return;
		const neighbour = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
		if (neighbour && (event.key.length === 1 || this.list.element.contains(event.target) || !this.page)) {
			event.preventDefault();
			const session = this.list.neighbour(neighbour);
			if (session) location.hash = sessionHash(session.id);
		} else if (event.key === "/") {
			event.preventDefault();
			this.list.filter.focus();
		} else if (event.key === "n" && this.connection.right === "control") {
			event.preventDefault();
			this.start();
		} else if (event.key === "?") {
			this.help();
		} else if (event.key === "Escape" && this.page) {
			location.hash = "#/";
		} else if (this.page?.key(event.key, event)) {
			event.preventDefault();
		}
	}
}

new Dashboard().begin();
