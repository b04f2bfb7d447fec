// The list of sessions: grouped, sorted by what needs someone; only what is seen of it is in the page.
import { Curve } from "./curve.js";
import { emit, h, icon, memory, on, oncePerFrame, replace, select, setClass, setText, stateIcon, verbatim } from "./dom.js";
import { age, count, pairs, stateWord } from "./format.js";
import { known, sessions } from "./store.js";

const rowHeight = 52;
const groupHeight = 36;
const margin = 6;
const others = "other";
const { compare: compareNames } = new Intl.Collator("en", { numeric: true });

const folded = new Set(memory.get("folded", ["ended"]));
let label = memory.get("group", "app");
let rows = new Map();
let items = [];
let height = 0;
let arranged = -1;
let arrangedSize = 0;
let numbered = 0;
let isHeld = false;
let selected = null;
let visible = "";

export const filter = h("input", verbatim, {
	type: "search", placeholder: "Filter", "aria-label": "Filter sessions", enterkeyhint: "search", oninput: layOut, onkeydown: filterKey,
});
const grouping = select("Group by", [], { onchange() {
	label = grouping.value;
	memory.set("group", label);
	layOut();
} });
const body = h("div.rows", { role: "list", "aria-label": "Sessions" });
const scroller = h("div.list-scroll", {
	onscroll: oncePerFrame(show),
	// The order stays as it is while someone points at a row.
	onpointerenter: ({ pointerType }) => (isHeld = pointerType === "mouse"),
	onpointerleave() {
		isHeld = false;
		update();
	},
}, body);
const empty = h("div.list-empty", { hidden: true });
export const listElement = h("nav.list", { "aria-label": "Sessions" },
	h("div.list-head", h("label.search", icon("search"), filter), grouping), empty, scroller);
new ResizeObserver(show).observe(scroller);
setInterval(show, 10_000);
on("change", update);

export const sessionHash = (id, tab) => `#/${encodeURIComponent(id)}${tab ? `/${tab}` : ""}`;

export const shownSessions = () => items.flatMap(({ session }) => session ?? []);

export function setFilter(text) {
	filter.value = text;
	layOut();
}

export function selectSession(id) {
	selected = id;
	show();
	const item = items.find(({ session }) => session?.id === id);
	if (!item) return;
	const { scrollTop, clientHeight } = scroller;
	if (item.top < scrollTop) scroller.scrollTop = item.top - groupHeight;
	else scroller.scrollTop = Math.max(scrollTop, item.top + rowHeight - clientHeight);
}

export function neighbour(step) {
	const order = shownSessions();
	const index = order.findIndex(({ id }) => id === selected);
	return index < 0 ? order.at(step > 0 ? 0 : -1) : order[Math.min(order.length - 1, Math.max(0, index + step))];
}

function filterKey(event) {
	if (event.key === "Escape") {
		setFilter("");
	} else if (event.key === "Enter" || event.key === "ArrowDown") {
		event.preventDefault();
		const order = shownSessions();
		const first = order.find(({ id }) => id === selected) ?? order[0];
		if (first) location.hash = sessionHash(first.id);
	} else {
		return;
	}
	filter.blur();
}

function update() {
	// While someone points at it only who is there changes.
	if (arranged !== known.revision && !(isHeld && arrangedSize === sessions.size)) layOut();
	else show();
}

// Groups of {name, isEnded, rank, sessions}: those that need someone first, those that have ended at the end.
function arrange() {
	const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
	const now = Date.now();
	const groups = new Map();
	for (const session of sessions.values()) {
		const { need, isLive } = session;
		if (words.length && !matches(session, need, words)) continue;
		const isEnded = !isLive && !need;
		const name = isEnded ? "ended" : label === "state" ? session.state : label ? session.labels[label] ?? others : "";
		const key = isEnded ? null : name;
		if (!groups.has(key)) groups.set(key, { name, isEnded, rank: isEnded ? 2 : 1, sessions: [] });
		const group = groups.get(key);
		if (need) group.rank = 0;
		group.sessions.push({ session, rank: isEnded ? -session.startedAt : need ? 0 : 1 + session.activity(now) });
	}
	for (const group of groups.values()) {
		group.sessions.sort((left, right) => left.rank - right.rank || compare(left.session, right.session));
	}
	return [...groups.values()].sort((left, right) => left.rank - right.rank
		|| (left.name === others) - (right.name === others) || compareNames(left.name, right.name));
}

// By name; quick, as there may be thousands: only when one comes they are counted through.
function compare(left, right) {
	if (numbered !== sessions.size || left.number === undefined || right.number === undefined) {
		numbered = sessions.size;
		[...sessions.values()].sort((one, other) => compareNames(one.id, other.id)).forEach((session, index) => (session.number = index));
	}
	return left.number - right.number;
}

function matches(session, need, words) {
	const text = `${session.id} ${session.state} ${session.trouble ? "failed" : ""} ${need ? "waiting needs you" : ""} ${pairs(session.labels, " ")}`;
	return words.every((word) => text.toLowerCase().includes(word));
}

function layOut() {
	arranged = known.revision;
	arrangedSize = sessions.size;
	showGroupings();
	const groups = arrange();
	items = [];
	height = 0;
	const place = (item, size) => {
		items.push({ ...item, top: height });
		height += size;
	};
	for (const group of groups) {
		// What is searched for is seen, folded or not.
		const isOpen = !folded.has(group.name) || filter.value !== "" || (group.isEnded && groups.length === 1);
		if (groups.length > 1 || group.name) place({ group, isOpen }, groupHeight);
		if (isOpen) for (const { session } of group.sessions) place({ session }, rowHeight);
	}
	body.style.height = `${height}px`;
	empty.hidden = groups.length > 0 || !known.isLoaded;
	scroller.hidden = !empty.hidden;
	replace(empty, h("p", sessions.size ? "Nothing matches." : "No sessions yet."),
		sessions.size > 0 && h("button", { onclick: () => setFilter("") }, "Show all"));
	show();
}

function showGroupings() {
	const names = new Set(label && label !== "state" ? [label] : []);
	for (const session of [...sessions.values()].slice(0, 2000)) for (const name in session.labels) names.add(name);
	const values = ["", "state", ...[...names].sort()];
	if (values.join() === [...grouping.options].map(({ value }) => value).join()) return;
	replace(grouping, values.map((value) => h("option", { value }, value ? `by ${value}` : "no groups")));
	grouping.value = label;
}

function fold(name) {
	if (!folded.delete(name)) folded.add(name);
	memory.set("folded", [...folded]);
	layOut();
}

function show() {
	const { scrollTop, clientHeight } = scroller;
	const first = Math.max(0, indexAt(scrollTop) - margin);
	const end = indexAt(scrollTop + clientHeight) + margin;
	const now = Date.now();
	const next = new Map();
	const seen = [];
	let before = null;
	items.slice(first, end).forEach(({ group, session, isOpen, top }, index) => {
		const key = session?.id ?? `(${group.name}`;
		const row = rows.get(key) ?? (session ? SessionRow(session) : GroupRow(group.name));
		next.set(key, row);
		if (session) row.update(session, now);
		else row.update(group, isOpen);
		if (session?.isLive) seen.push(session.id);
		row.element.style.transform = `translateY(${top}px)`;
		row.element.setAttribute("aria-setsize", items.length);
		row.element.setAttribute("aria-posinset", first + index + 1);
		// The order in the page is the one that is seen: for the Tab key and for screen readers.
		const place = before ? before.nextSibling : body.firstChild;
		if (row.element !== place) body.insertBefore(row.element, place);
		before = row.element;
	});
	for (const [key, row] of rows) if (next.get(key) !== row) row.element.remove();
	rows = next;
	if (visible === (visible = seen.sort().join(" "))) return;
	emit("visible", seen);
}

function indexAt(top) {
	let low = 0;
	for (let high = items.length; low < high;) {
		const middle = (low + high) >> 1;
		if (items[middle].top <= top) low = middle + 1;
		else high = middle;
	}
	return low;
}

function GroupRow(name) {
	const number = h("span");
	const button = h("button.group", { onclick: () => fold(name) }, icon("chevron"), h("span.group-name", name), number);
	return {
		element: h("div.row", { role: "listitem" }, button),
		update(group, isOpen) {
			setText(number, count(group.sessions.length));
			button.setAttribute("aria-expanded", isOpen);
		},
	};
}

function SessionRow({ id }) {
	const mark = h("span.row-state");
	const hintElement = h("span.row-hint");
	const ageElement = h("span.row-age");
	const curve = Curve(25);
	const link = h("a.session", { href: sessionHash(id) },
		mark, h("span.row-first", h("span.row-name", id), curve.element, ageElement), hintElement);
	let drawn = "";
	return {
		element: h("div.row", { role: "listitem" }, link),
		update(session, now) {
			const { need, shape, hint, isLive } = session;
			if (shape !== drawn) replace(mark, stateIcon(shape, shape === "attention" ? "needs you" : stateWord(session.state)));
			drawn = shape;
			setClass(link, "needy", need);
			setClass(link, "over", !isLive);
			link.ariaCurrent = id === selected ? "page" : null;
			setText(hintElement, need && need !== hint ? [need, hint].filter(Boolean).join(" · ") : hint || "no output yet");
			setText(ageElement, age(now - session.startedAt));
			setClass(curve.element, "hidden", !isLive);
			if (isLive) curve.update(session.cpu);
		},
	};
}
