// The list of sessions: grouped, sorted by what needs someone, and only what is seen of it is in the page.
import { Curve } from "./curve.js";
import { h, icon, memory, oncePerFrame, replace, setClass, setText, stateIcon } from "./dom.js";
import { age, count, stateWord } from "./format.js";

const rowHeight = 52;
const groupHeight = 36;
/** Rows that are made ready above and below what is seen. */
const margin = 6;

/** Words for the heading of a group that has no value of the label. */
const others = "other";

/**
 * Puts sessions into an order.
 *
 * @param label the label to group by, "state", or "" for none.
 * @returns groups of {name, isEnded, sessions}, those that have ended at the end.
 */
export function arrange(sessions, filter, label, now = Date.now()) {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	const groups = new Map();
	const ended = [];
	for (const session of sessions) {
		if (words.length && !matches(session, words)) continue;
		const entry = { session, rank: session.need ? 0 : 1 + session.activity(now) };
		if (!session.isLive && !session.need) {
			ended.push(entry);
			continue;
		}
		const name = label === "state" ? session.state : label ? session.labels[label] ?? others : "";
		if (!groups.has(name)) groups.set(name, []);
		groups.get(name).push(entry);
	}
	const result = [...groups].map(([name, entries]) => group(name, entries, false));
	result.sort((left, right) => left.rank - right.rank || (left.name === others) - (right.name === others)
		|| left.name.localeCompare(right.name));
	if (ended.length) {
		ended.sort((left, right) => right.session.startedAt - left.session.startedAt);
		result.push({ name: "ended", isEnded: true, rank: 9, sessions: ended.map((entry) => entry.session) });
	}
	return result;
}

function group(name, entries, isEnded) {
	entries.sort((left, right) => left.rank - right.rank || compare(left.session.id, right.session.id));
	return { name, isEnded, rank: entries[0].rank ? 1 : 0, sessions: entries.map((entry) => entry.session) };
}

const compare = new Intl.Collator("en", { numeric: true }).compare;

function matches(session, words) {
	const labels = Object.entries(session.labels).map(([name, value]) => `${name}=${value}`).join(" ");
	const text = `${session.id} ${session.state} ${session.trouble ? "failed" : ""} ${session.need ? "waiting needs you" : ""} ${labels}`.toLowerCase();
	return words.every((word) => text.includes(word));
}

/** Events: "visible" when other sessions are seen than before. */
export class List extends EventTarget {
	#store;
	#rows = new Map();
	#groupRows = new Map();
	#items = [];
	#tops = [];
	#height = 0;
	#arranged = -1;
	#isHeld = false;
	#visible = "";
	#folded = new Set(memory.get("folded", ["ended"]));
	#label = memory.get("group", "app");

	selected = null;
	/** The live sessions whose rows are seen. */
	visible = [];

	constructor(store) {
		super();
		this.#store = store;
		this.filter = h("input", {
			type: "search", placeholder: "Filter", "aria-label": "Filter sessions", autocomplete: "off", spellcheck: "false",
			enterkeyhint: "search", oninput: () => this.#rearrange(true), onkeydown: (event) => this.#filterKey(event),
		});
		this.grouping = h("select", {
			"aria-label": "Group by", onchange: () => {
				this.#label = this.grouping.value;
				memory.set("group", this.#label);
				this.#rearrange(true);
			},
		});
		this.body = h("div.rows", { role: "list", "aria-label": "Sessions" });
		this.scroller = h("div.list-scroll", { onscroll: oncePerFrame(() => this.#show()) }, this.body);
		this.empty = h("div.list-empty", { hidden: true });
		this.element = h("nav.list", { "aria-label": "Sessions" },
			h("div.list-head", h("label.search", icon("search"), this.filter), this.grouping),
			this.empty, this.scroller);
		// The order stays as it is while someone points at a row.
		this.scroller.addEventListener("pointerenter", (event) => (this.#isHeld = event.pointerType === "mouse"));
		this.scroller.addEventListener("pointerleave", () => {
			this.#isHeld = false;
			this.#rearrange();
		});
		new ResizeObserver(() => this.#show()).observe(this.scroller);
		store.addEventListener("change", () => this.#rearrange());
		setInterval(() => this.#show(), 10_000);
	}

	#filterKey(event) {
		if (event.key === "Escape") {
			this.setFilter("");
			this.filter.blur();
		} else if (event.key === "Enter" || event.key === "ArrowDown") {
			event.preventDefault();
			this.filter.blur();
			const first = this.order.find((session) => session.id === this.selected) ?? this.order[0];
			if (first) location.hash = sessionHash(first.id);
		}
	}

	setFilter(text) {
		this.filter.value = text;
		this.#rearrange(true);
	}

	/** The sessions in the order in which they are shown. */
	get order() {
		return this.#items.filter((item) => item.session).map((item) => item.session);
	}

	select(id) {
		this.selected = id;
		this.#show();
		const index = this.#items.findIndex((item) => item.session?.id === id);
		if (index < 0) return;
		const top = this.#tops[index];
		const { scrollTop, clientHeight } = this.scroller;
		if (top < scrollTop) this.scroller.scrollTop = top - groupHeight;
		else if (top + rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + rowHeight - clientHeight;
	}

	/** The session that comes so many places later in the list. */
	neighbour(step) {
		const { order } = this;
		const index = order.findIndex((session) => session.id === this.selected);
		if (index < 0) return order[step > 0 ? 0 : order.length - 1];
		return order[Math.min(order.length - 1, Math.max(0, index + step))];
	}

	// Order

	#rearrange(isAsked = false) {
		if (isAsked || (this.#arranged !== this.#store.revision && !(this.#isHeld && this.#isSameSet()))) {
			this.#arranged = this.#store.revision;
			this.#layOut();
		}
		this.#show();
	}

	/** Whether the same sessions are there, so that only their order would change. */
	#isSameSet() {
		return this.#size === this.#store.sessions.size;
	}

	#size = 0;

	#layOut() {
		const { sessions } = this.#store;
		this.#size = sessions.size;
		this.#showGroupings(sessions);
		const groups = arrange(sessions.values(), this.filter.value, this.#label);
		const isPlain = groups.length === 1 && !groups[0].name;
		this.#items = [];
		this.#tops = [];
		this.#height = 0;
		for (const group of groups) {
			// What is searched for is seen, folded or not.
			const isOpen = !this.#folded.has(group.name) || this.filter.value !== "" || (group.isEnded && groups.length === 1);
			if (!isPlain) this.#place({ group, isOpen }, groupHeight);
			if (isOpen) for (const session of group.sessions) this.#place({ session }, rowHeight);
		}
		this.body.style.height = `${this.#height}px`;
		this.#showEmpty(sessions.size, groups.length);
	}

	#place(item, height) {
		this.#items.push(item);
		this.#tops.push(this.#height);
		this.#height += height;
	}

	#showGroupings(sessions) {
		const names = new Set();
		let number = 0;
		for (const session of sessions.values()) {
			for (const name of Object.keys(session.labels)) names.add(name);
			if ((number += 1) > 2000) break;
		}
		names.add(this.#label);
		names.delete("");
		names.delete("state");
		const values = ["", "state", ...[...names].sort()];
		if (values.join("\0") === [...this.grouping.options].map((option) => option.value).join("\0")) return;
		replace(this.grouping, values.map((name) =>
			h("option", { value: name }, name === "" ? "no groups" : `by ${name}`)));
		this.grouping.value = this.#label;
	}

	#showEmpty(all, shown) {
		this.empty.hidden = shown > 0 || !this.#store.isLoaded;
		this.scroller.hidden = !this.empty.hidden;
		if (this.empty.hidden) return;
		if (all) {
			replace(this.empty, h("p", "Nothing matches."),
				h("button", { onclick: () => this.setFilter("") }, "Show all"));
		} else {
			replace(this.empty, h("p", "No sessions yet."));
		}
	}

	// What is seen

	#show() {
		const { scrollTop, clientHeight } = this.scroller;
		const first = Math.max(0, this.#indexAt(scrollTop) - margin);
		const end = Math.min(this.#items.length, this.#indexAt(scrollTop + clientHeight) + margin + 1);
		const now = Date.now();
		const rows = new Map();
		const groupRows = new Map();
		const seen = [];
		let before = null;
		for (let index = first; index < end; index += 1) {
			const { group, session, isOpen } = this.#items[index];
			const known = session ? this.#rows.get(session.id) : this.#groupRows.get(group.name);
			const row = known ?? (session ? new SessionRow(session) : new GroupRow(group, () => this.#fold(group.name)));
			if (session) {
				rows.set(session.id, row);
				row.update(session, session.id === this.selected, now);
				if (session.isLive) seen.push(session.id);
			} else {
				groupRows.set(group.name, row);
				row.update(group, isOpen);
			}
			row.element.style.transform = `translateY(${this.#tops[index]}px)`;
			row.element.setAttribute("aria-setsize", this.#items.length);
			row.element.setAttribute("aria-posinset", index + 1);
			// The order in the page is the one that is seen: for the Tab key and for screen readers.
			const place = before ? before.nextSibling : this.body.firstChild;
			if (row.element !== place) this.body.insertBefore(row.element, place);
			before = row.element;
		}
		for (const [id, row] of this.#rows) if (rows.get(id) !== row) row.element.remove();
		for (const [name, row] of this.#groupRows) if (groupRows.get(name) !== row) row.element.remove();
		this.#rows = rows;
		this.#groupRows = groupRows;
		const visible = seen.sort().join(" ");
		if (visible === this.#visible) return;
		this.#visible = visible;
		this.visible = seen;
		this.dispatchEvent(new CustomEvent("visible", { detail: seen }));
	}

	#indexAt(top) {
		let low = 0;
		let high = this.#tops.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#tops[middle] <= top) low = middle + 1;
			else high = middle;
		}
		return Math.max(0, low - 1);
	}

	#fold(name) {
		if (!this.#folded.delete(name)) this.#folded.add(name);
		memory.set("folded", [...this.#folded]);
		this.#rearrange(true);
	}
}

export function sessionHash(id, tab) {
	return `#/${encodeURIComponent(id)}${tab ? `/${tab}` : ""}`;
}

class GroupRow {
	#name = h("span.group-name");
	#count = h("span.group-count");

	constructor(group, fold) {
		this.button = h("button.group", { onclick: fold }, icon("chevron"), this.#name, this.#count);
		this.element = h("div.row", { role: "listitem" }, this.button);
	}

	update(group, isOpen) {
		setText(this.#name, group.name);
		setText(this.#count, count(group.sessions.length));
		this.button.setAttribute("aria-expanded", isOpen);
	}
}

class SessionRow {
	#state = h("span.row-state");
	#name = h("span.row-name");
	#hint = h("span.row-hint");
	#age = h("span.row-age");
	#curve = new Curve(25);
	#shape = "";

	constructor(session) {
		setText(this.#name, session.id);
		this.link = h("a.session", { href: sessionHash(session.id) },
			this.#state, h("span.row-first", this.#name, this.#curve.element, this.#age), this.#hint);
		this.element = h("div.row", { role: "listitem" }, this.link);
	}

	update(session, isSelected, now) {
		const { need } = session;
		const { shape } = session;
		if (shape !== this.#shape) {
			this.#shape = shape;
			replace(this.#state, stateIcon(shape, shape === "attention" ? "needs you" : stateWord(session.state)));
		}
		setClass(this.link, "needy", need);
		setClass(this.link, "over", !session.isLive);
		if (isSelected) this.link.setAttribute("aria-current", "page");
		else this.link.removeAttribute("aria-current");
		const { hint } = session;
		setText(this.#hint, need && need !== hint ? `${need}${hint ? ` · ${hint}` : ""}` : hint || "no output yet");
		setText(this.#age, age(now - session.startedAt));
		setClass(this.#curve.element, "hidden", !session.isLive);
		if (session.isLive) this.#curve.update(session.cpu);
	}
}
