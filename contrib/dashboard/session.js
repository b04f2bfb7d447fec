// One session's page: its head with figures and actions, tabs, and the field that writes to it.
import { applicable } from "./actions.js";
import { isAgent } from "./agent.js";
import { Conversation, grow } from "./conversation.js";
import { Curve } from "./curve.js";
import { Details } from "./details.js";
import { openMenu } from "./dialog.js";
import { h, icon, replace, setText, stateIcon } from "./dom.js";
import { Timeline } from "./events.js";
import { age, size, stateWord } from "./format.js";
import { sessionHash } from "./list.js";
import { Output } from "./output.js";
import { Terminal } from "./terminal.js";

const tabs = [
	["output", "Output", Output], ["terminal", "Terminal", Terminal], ["conversation", "Conversation", Conversation],
	["events", "Events", Timeline], ["details", "Details", Details],
];

export class SessionPage {
	#views = new Map();
	#shape = "";
	#tabNames = "";
	#actionNames = "";
	#loading = null;
	#isBusy = false;
	#sent = [];

	tab = null;
	status = null;

	/** @param context {connection, store, session, canControl, start(known)} */
	constructor(context) {
		this.context = { ...context, loadStatus: () => this.loadStatus(), say: (text, isBad) => this.say(text, isBad) };
		this.session = context.session;
		this.state = h("span.head-state");
		this.word = h("span.head-word");
		this.curves = { cpu: new Curve(25), memory: new Curve(1 << 20) };
		this.cpu = h("span");
		this.memory = h("span");
		this.figures = h("div.figures",
			h("span.figure", { title: "CPU, percent of one processor" }, this.cpu, this.curves.cpu.element),
			h("span.figure", { title: "Memory" }, this.memory, this.curves.memory.element));
		this.result = h("span.action-result", { role: "status" });
		this.actions = h("div.actions");
		this.tabList = h("div.tabs", { role: "tablist", "aria-label": "Views", onkeydown: (event) => this.#tabKey(event) });
		this.panel = h("div.panel", { role: "tabpanel", id: "panel" });
		this.writer = context.canControl && this.#makeWriter();
		this.element = h("article.session-page", { "aria-label": this.session.id },
			h("header.head",
				h("a.icon-button.back", { href: "#/", "aria-label": "All sessions" }, icon("back")),
				this.state, h("h1", this.session.id), this.word, this.figures, this.result, this.actions),
			this.tabList, this.panel, this.writer);
		this.update();
	}

	/** @param tab the one that was asked for; the one that fits the session without. */
	async open(tab) {
		if (!this.status) {
			try {
				await this.loadStatus();
			} catch (error) {
				this.say(error.message, true);
			}
		}
		this.update();
		const names = this.available;
		const best = this.status?.tty && this.session.isLive ? "terminal" : isAgent(this.status?.command, this.session.labels) ? "conversation" : "output";
		this.#select(names.includes(tab) ? tab : names.includes(best) ? best : "output");
	}

	get available() {
		const tty = this.status?.tty;
		return tabs.map(([name]) => name).filter((name) => (name === "terminal" ? tty : name === "conversation" ? !tty && this.status : true));
	}

	close() {
		for (const view of this.#views.values()) view.end();
	}

	/** All that the session's keeper knows; asked for once at a time. */
	async loadStatus() {
		this.#loading ??= this.context.connection.request("GET", `sessions/${encodeURIComponent(this.session.id)}`);
		try {
			this.status = await this.#loading;
			this.session.instance ??= this.status.instance;
			const { stdout, stderr } = this.status.streams;
			this.session.cursor ??= `${this.status.instance}:${stdout.next}:${stderr.next}`;
			return this.status;
		} finally {
			this.#loading = null;
		}
	}

	// What happens

	woken() {
		const lines = this.session.newLines;
		this.session.newLines = 0;
		this.#view?.wake(lines);
	}

	async happened() {
		await this.loadStatus().catch(() => {});
		this.update();
		for (const view of this.#views.values()) view.happened();
	}

	/** The connection is back: what was missed is fetched from where each view was. */
	resumed() {
		this.happened();
		this.#view?.wake(0);
	}

	update() {
		const { session } = this;
		const { need } = session;
		const shape = session.isLive ? session.state : session.shape;
		if (shape !== this.#shape) {
			this.#shape = shape;
			replace(this.state, stateIcon(shape));
		}
		const restarts = this.status?.child?.restarts;
		setText(this.word, [
			`${stateWord(session.state)}${session.isLive && session.startedAt ? ` ${age(Date.now() - session.startedAt)}` : ""}`,
			session.isLive ? need && need !== session.state ? need : "" : session.hint !== stateWord(session.state) && session.hint,
			restarts > 0 && `restarts ${restarts}`,
		].filter(Boolean).join(" · "));
		this.figures.hidden = !session.isLive;
		this.figures.style.visibility = session.cpu.length ? "visible" : "hidden";
		setText(this.cpu, `${Math.round(session.cpu.at(-1) ?? 0)} %`);
		setText(this.memory, size(session.memory.at(-1)));
		this.curves.cpu.update(session.cpu);
		this.curves.memory.update(session.memory);
		this.#updateTabs();
		if (this.context.canControl) this.#updateActions();
		if (this.writer) this.#updateWriter();
	}

	// Tabs

	get #view() {
		return this.#views.get(this.tab);
	}

	#updateTabs() {
		const names = this.available;
		if (names.join() === this.#tabNames) return;
		this.#tabNames = names.join();
		replace(this.tabList, names.map((name) => h("a", {
			role: "tab", id: `tab-${name}`, href: sessionHash(this.session.id, name), "aria-controls": "panel",
			"aria-selected": String(name === this.tab), tabindex: name === this.tab ? "0" : "-1",
		}, tabs.find(([other]) => other === name)[1])));
	}

	#tabKey(event) {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		if (!step) return;
		const names = this.available;
		location.hash = sessionHash(this.session.id, names.at((names.indexOf(this.tab) + step) % names.length));
		requestAnimationFrame(() => this.tabList.querySelector("[aria-selected=true]")?.focus());
	}

	#select(name) {
		if (this.tab === name) return;
		this.#view?.hide();
		if (this.#view) this.#view.element.hidden = true;
		this.tab = name;
		for (const tab of this.tabList.children) {
			const isSelected = tab.id === `tab-${name}`;
			tab.setAttribute("aria-selected", String(isSelected));
			tab.tabIndex = isSelected ? 0 : -1;
		}
		this.panel.setAttribute("aria-labelledby", `tab-${name}`);
		let view = this.#views.get(name);
		if (!view) {
			const View = tabs.find(([other]) => other === name)[2];
			view = new View({ ...this.context, status: this.status });
			this.#views.set(name, view);
			this.panel.append(view.element);
		}
		view.element.hidden = false;
		view.show();
		if (this.writer) this.#updateWriter();
	}

	/** @returns whether a key meant something here. */
	key(name, event) {
		const number = Number(name);
		if (number >= 1 && number <= this.available.length) {
			location.hash = sessionHash(this.session.id, this.available[number - 1]);
			return true;
		}
		if (name === "w" || name === "Enter") {
			const field = this.tab === "terminal" ? this.#view : this.tab === "conversation" ? this.#view.field : !this.writer?.hidden && this.field;
			if (!field) return false;
			event.preventDefault();
			field.focus();
			return true;
		}
		const action = this.context.canControl && applicable(this.session).find((candidate) => candidate.key === name);
		if (action) this.perform(action);
		return Boolean(action) || Boolean(this.#view?.key?.(name));
	}

	// Actions

	#updateActions() {
		const all = applicable(this.session);
		const names = all.map((action) => action.name).join();
		if (names === this.#actionNames) return;
		this.#actionNames = names;
		const more = h("button.icon-button.more", { "aria-label": "More actions", "aria-haspopup": "menu", "aria-expanded": "false" }, icon("more"));
		more.addEventListener("click", () => {
			// On a narrow screen all of them are in the menu.
			const isNarrow = getComputedStyle(this.actions.firstChild).display === "none";
			const entry = (action) => ({ name: action.name, hint: action.key, isDanger: action.isDanger, act: () => this.perform(action) });
			const main = all.filter((action) => action.isMain);
			openMenu(more, [...(isNarrow ? [...main.map(entry), null] : []), ...all.filter((action) => !action.isMain).map(entry)]);
		});
		replace(this.actions, all.filter((action) => action.isMain).map((action) => h("button", {
			class: action.isDanger && "ends", title: action.key && `Key: ${action.key}`, onclick: () => this.perform(action),
		}, action.name)), more);
	}

	async perform(action) {
		if (this.#isBusy) return;
		this.#isBusy = true;
		try {
			const outcome = await action.run({ ...this.context, status: this.status });
			this.say(outcome ?? "");
			if (outcome) {
				this.context.store.loadSoon();
				this.happened();
			}
		} catch (error) {
			this.say(error.message, true);
		} finally {
			this.#isBusy = false;
		}
	}

	/** Says how an action went, beside the actions; what went well goes away by itself. */
	say(text, isBad = false) {
		clearTimeout(this.timer);
		setText(this.result, text);
		this.result.classList.toggle("bad", isBad);
		if (text && !isBad && !text.endsWith("…")) this.timer = setTimeout(() => setText(this.result, ""), 5000);
	}

	// Writing

	#makeWriter() {
		let place = 0;
		this.field = h("textarea", {
			rows: "1", placeholder: "Write a line", "aria-label": `Write a line to ${this.session.id}`, class: "code", enterkeyhint: "send",
			autocapitalize: "off", autocomplete: "off", spellcheck: "false", oninput: () => grow(this.field),
			onkeydown: (event) => {
				if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
					event.preventDefault();
					place = 0;
					this.#write();
				} else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
					const next = place + (event.key === "ArrowUp" ? 1 : -1);
					if (this.field.value.includes("\n") || next < 0 || next > this.#sent.length) return;
					event.preventDefault();
					place = next;
					this.field.value = next ? this.#sent.at(-next) : "";
				} else if (event.key === "Escape") {
					this.field.blur();
				}
			},
		});
		this.written = h("span.action-result", { role: "status" });
		return h("form.writer.line-writer", { onsubmit: (event) => (event.preventDefault(), this.#write()) },
			h("span.prompt", { "aria-hidden": "true" }, "›"), this.field, this.written,
			h("button", { type: "submit", class: "primary" }, "Send"));
	}

	#updateWriter() {
		this.writer.hidden = this.tab !== "output" || !this.session.isLive;
	}

	async #write() {
		const text = this.field.value;
		setText(this.written, "");
		this.written.classList.remove("bad");
		try {
			await this.context.connection.request("POST", `sessions/${encodeURIComponent(this.session.id)}/write`, { body: { lines: text.split("\n") } });
			if (text && this.#sent.at(-1) !== text) this.#sent.push(text);
			if (this.field.value === text) this.field.value = "";
			grow(this.field);
			setText(this.written, "sent");
			setTimeout(() => setText(this.written, ""), 1500);
		} catch (error) {
			setText(this.written, error.message);
			this.written.classList.add("bad");
		}
	}
}
