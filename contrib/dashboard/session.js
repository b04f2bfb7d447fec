// One session's page: its head with figures and actions, tabs, and the field that writes to it.
import { applicable } from "./actions.js";
import { isAgent } from "./agent.js";
import { gateway, request, sessionPath } from "./connection.js";
import { Conversation, messageField, setMessage } from "./conversation.js";
import { Curve } from "./curve.js";
import { Details } from "./details.js";
import { openMenu } from "./dialog.js";
import { h, icon, iconButton, replace, setClass, setText, stateIcon, verbatim } from "./dom.js";
import { Timeline } from "./events.js";
import { age, size, stateWord } from "./format.js";
import { sessionHash } from "./list.js";
import { Output } from "./output.js";
import { loadSoon } from "./store.js";
import { Terminal } from "./terminal.js";

const makers = { output: Output, terminal: Terminal, conversation: Conversation, events: Timeline, details: Details };

export function SessionPage(session) {
	const { canControl } = gateway;
	const page = {
		session, canControl, tab: null, status: null, loadStatus, say, open, perform, key, update, happened,
		get tabs() {
			const { status } = page;
			return Object.keys(makers).filter((name) => name === "terminal" ? status?.tty : name !== "conversation" || (status && !status.tty));
		},
		close: () => view()?.hide?.(),
		woken() {
			view()?.wake?.(session.newLines);
			session.newLines = 0;
		},
		// The connection is back: what was missed is fetched from where each view was.
		resumed() {
			happened();
			view()?.wake?.();
		},
	};
	const views = new Map();
	const view = () => views.get(page.tab);
	const sent = [];
	let sentPlace = 0;
	let shape = "";
	let tabNames = "";
	let actionNames = "";
	let loading = null;
	let isBusy = false;
	let timer = 0;

	const mark = h("span");
	const word = h("span.head-word");
	const curves = { cpu: Curve(25), memory: Curve(1 << 20) };
	const cpu = h("span");
	const memory = h("span");
	const figures = h("div.figures", h("span.figure", { title: "CPU, percent of one processor" }, cpu, curves.cpu.element),
		h("span.figure", { title: "Memory" }, memory, curves.memory.element));
	const result = h("span.action-result", { role: "status" });
	const actions = h("div.actions");
	const tabList = h("div.tabs", { role: "tablist", "aria-label": "Views", onkeydown: tabKey });
	const panel = h("div.panel", { role: "tabpanel", id: "panel" });
	const field = messageField(`Write a line to ${session.id}`, "Write a line", write, verbatim, { class: "code", onkeydown: recall });
	const written = h("span.action-result", { role: "status" });
	const writer = canControl && h("form.writer.line-writer", { onsubmit: write },
		h("span.prompt", { "aria-hidden": "true" }, "›"), field, written, h("button.primary", { type: "submit" }, "Send"));
	page.element = h("article.session-page", { "aria-label": session.id },
		h("header.head", h("a.icon-button.back", { href: "#/", "aria-label": "All sessions" }, icon("back")),
			mark, h("h1", session.id), word, figures, result, actions),
		tabList, panel, writer);
	update();
	return page;

	async function open(tab) {
		if (!page.status) await loadStatus().catch((error) => say(error.message, true));
		update();
		const { status, tabs } = page;
		const best = status?.tty && session.isLive ? "terminal" : isAgent(status?.command, session.labels) ? "conversation" : "output";
		select([tab, best, "output"].find((name) => tabs.includes(name)));
	}

	async function loadStatus() {
		loading ??= request("GET", sessionPath(session.id));
		try {
			const status = page.status = await loading;
			session.instance ??= status.instance;
			session.cursor ??= `${status.instance}:${status.streams.stdout.next}:${status.streams.stderr.next}`;
			return status;
		} finally {
			loading = null;
		}
	}

	async function happened() {
		await loadStatus().catch(() => {});
		update();
		for (const one of views.values()) one.happened?.();
	}

	function update() {
		const { isLive, state, need, hint, startedAt } = session;
		const stateShape = isLive ? state : session.shape;
		if (stateShape !== shape) replace(mark, stateIcon(shape = stateShape));
		const restarts = page.status?.child?.restarts;
		setText(word, [
			stateWord(state) + (isLive && startedAt ? ` ${age(Date.now() - startedAt)}` : ""),
			isLive ? need !== state && need : hint !== stateWord(state) && hint, restarts > 0 && `restarts ${restarts}`,
		].filter(Boolean).join(" · "));
		figures.hidden = !isLive;
		setClass(figures, "hidden", !session.cpu.length);
		setText(cpu, `${Math.round(session.cpu.at(-1) ?? 0)} %`);
		setText(memory, size(session.memory.at(-1)));
		curves.cpu.update(session.cpu);
		curves.memory.update(session.memory);
		updateTabs();
		if (!canControl) return;
		updateActions();
		writer.hidden = page.tab !== "output" || !isLive;
	}

	function updateTabs() {
		if (tabNames === (tabNames = `${page.tab} ${page.tabs}`)) return;
		const focused = tabList.contains(document.activeElement);
		replace(tabList, page.tabs.map((name) => h("a", {
			role: "tab", id: `tab-${name}`, href: sessionHash(session.id, name), "aria-controls": "panel",
			"aria-selected": String(name === page.tab), tabindex: name === page.tab ? "0" : "-1",
		}, name[0].toUpperCase() + name.slice(1))));
		if (focused) tabList.querySelector("[tabindex='0']")?.focus();
	}

	function tabKey({ key }) {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
		const { tabs } = page;
		if (step) location.hash = sessionHash(session.id, tabs.at((tabs.indexOf(page.tab) + step) % tabs.length));
	}

	function select(name) {
		if (page.tab === name) return;
		view()?.hide?.();
		if (view()) view().element.hidden = true;
		page.tab = name;
		update();
		panel.setAttribute("aria-labelledby", `tab-${name}`);
		if (!view()) {
			views.set(name, makers[name](session, page));
			panel.append(view().element);
		}
		view().element.hidden = false;
		view().show();
	}

	function key(name) {
		const tab = page.tabs[name - 1];
		if (tab) return location.hash = sessionHash(session.id, tab);
		if (name === "w" || name === "Enter") {
			const target = view()?.focus ? view() : canControl && !writer.hidden && field;
			target?.focus?.();
			return Boolean(target);
		}
		const action = canControl && applicable(session).find((one) => one.key === name);
		if (action) perform(action);
		return action || view()?.key?.(name);
	}

	function updateActions() {
		const all = applicable(session).map((action) => ({ ...action, act: () => perform(action) }));
		if (actionNames === (actionNames = all.map(({ name }) => name).join())) return;
		const main = all.filter(({ isMain }) => isMain);
		const more = iconButton("more", "More actions", () => {
			// On a narrow screen all of them are in the menu.
			const isNarrow = getComputedStyle(actions.firstChild).display === "none";
			openMenu(more, isNarrow ? all : all.filter((action) => !main.includes(action)));
		}, { "aria-haspopup": "menu", "aria-expanded": "false" });
		replace(actions, main.map(({ name, key, isEnd, act }) =>
			h(`button.main-action.${isEnd ? "ends" : ""}`, { title: key && `Key: ${key}`, onclick: act }, name)), more);
	}

	async function perform(action) {
		if (isBusy) return;
		isBusy = true;
		try {
			const outcome = await action.run(session, page);
			say(typeof outcome === "string" ? outcome : "");
			if (outcome) {
				loadSoon();
				happened();
			}
		} catch (error) {
			say(error.message, true);
		}
		isBusy = false;
	}

	// Says how an action went, beside the actions; what went well goes away by itself.
	function say(text, isBad = false) {
		clearTimeout(timer);
		setText(result, text);
		setClass(result, "bad", isBad);
		if (!isBad && !text.endsWith("…")) timer = setTimeout(() => setText(result, ""), 5000);
	}

	// The arrows bring back what was sent before.
	function recall(event) {
		const { key } = event;
		if (key === "Escape") field.blur();
		const next = sentPlace + ({ ArrowUp: 1, ArrowDown: -1 }[key] ?? NaN);
		if (field.value.includes("\n") || !(next >= 0 && next <= sent.length)) return;
		event.preventDefault();
		sentPlace = next;
		field.value = next ? sent.at(-next) : "";
	}

	async function write(event) {
		event.preventDefault();
		const text = field.value;
		sentPlace = 0;
		try {
			await request("POST", sessionPath(session.id, "/write"), { body: { lines: text.split("\n") } });
			if (text && sent.at(-1) !== text) sent.push(text);
			if (field.value === text) setMessage(field, "");
			setText(written, "sent");
			setClass(written, "bad", false);
			setTimeout(() => setText(written, ""), 1500);
		} catch (error) {
			setText(written, error.message);
			setClass(written, "bad", true);
		}
	}
}
