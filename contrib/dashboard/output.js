// What a session has written: a window of lines over its journal, which moves as one scrolls.
import { renderLine } from "./ansi.js";
import { h, icon, iconButton, memory, oncePerFrame, replace, select, setClass, setText, verbatim } from "./dom.js";
import { happening } from "./events.js";
import { clock, count, day, plural } from "./format.js";
import { contentOf, placeBefore, readHistory, readJournal } from "./journal.js";

const portion = 300;
const most = 1200;
// Characters of a line that are shown before one asks for the rest.
const longLine = 2000;
const interval = 120;

export function Output(session) {
	let lines = [];
	// Whether the first and the last line of the journal are in the window.
	let hasOldest = false;
	let hasNewest = false;
	let isFollowing = true;
	let isBusy = false;
	let isAsked = false;
	let isShown = false;
	let fetchedAt = 0;
	let lastTop = 0;
	let history = [];
	let missed = 0;
	let ruledUntil = 0;
	let query = "";
	let match = null;

	const list = h("div.lines", { role: "log", "aria-live": "off", "aria-label": `Output of ${session.id}`, tabindex: "0" });
	const empty = h("p.quiet-note", { hidden: true });
	const scroller = h("div.output-scroll", { onscroll: scrolled }, empty, list);
	const more = h("button.new-lines", { hidden: true, onclick: goNewest });
	const stream = select("Streams", [["all", "stdout + stderr"], "stdout", "stderr"], { onchange: applyView });
	const times = toggle("Times", "times", false, "Show times (t)");
	const wrap = toggle("Wrap", "wrap", true, "Wrap long lines (z)");
	const field = h("input", verbatim, {
		type: "search", placeholder: "Search the output", "aria-label": "Search the output", enterkeyhint: "search",
		onkeydown({ key, shiftKey }) {
			if (key === "Enter") find(shiftKey);
			else if (key === "Escape") endSearch();
		},
		oninput: () => field.value || endSearch(),
	});
	const found = h("span.found", { role: "status" });
	const element = h("section.output", h("div.bar", h("label.search", icon("search"), field),
		iconButton("up", "The match before", () => find(false)), iconButton("down", "The next match", () => find(true)),
		found, h("span.space"), stream, times, wrap,
		h("button.toggle", { title: "To the oldest line (g)", onclick: goOldest }, "Oldest"),
		h("button.toggle", { title: "To the newest line (G)", onclick: goNewest }, "Newest")),
	h("div.output-body", scroller, more));
	applyView();
	new ResizeObserver(() => isFollowing && stick()).observe(scroller);

	const showMissed = oncePerFrame(() => {
		more.hidden = isFollowing;
		replace(more, icon("down"), missed ? plural(missed, "new line") : "To the newest");
	});
	const keys = {
		t: () => times.click(), z: () => wrap.click(), g: goOldest, G: goNewest, f: goNewest, s: () => field.focus(),
	};

	return {
		element, wake,
		show() {
			isShown = true;
			if (!lines.length) goNewest();
			else if (isFollowing) wake();
		},
		hide() {
			isShown = false;
			CSS.highlights?.delete("search");
		},
		async happened() {
			await loadHistory();
			wake();
			if (!hasNewest || !isFollowing) return;
			appendRules(Infinity);
			stick();
		},
		key(name) {
			keys[name]?.();
			return name in keys;
		},
	};

	function toggle(text, name, otherwise, title) {
		return h("button.toggle", {
			title, "aria-pressed": String(memory.get(name, otherwise)),
			onclick({ currentTarget }) {
				const isOn = currentTarget.getAttribute("aria-pressed") !== "true";
				currentTarget.setAttribute("aria-pressed", String(isOn));
				memory.set(name, isOn);
				applyView();
			},
		}, text);
	}

	// What is shown of each line. The one that is read stays where it is.
	function applyView() {
		keep(() => {
			list.className = `lines only-${stream.value}`;
			setClass(list, "with-times", times.ariaPressed === "true");
			setClass(list, "wrapped", wrap.ariaPressed === "true");
		});
	}

	function wake(number = 0) {
		if (!isShown) return;
		missed += number;
		if (isFollowing) {
			isAsked = true;
			catchUp();
		} else {
			hasNewest = false;
			showMissed();
		}
	}

	async function exclusively(work) {
		if (isBusy) return;
		isBusy = true;
		try {
			await work();
		} catch (error) {
			// What is shown stays; the page's head tells of a lost connection.
			if (error.code !== "offline") setText(found, error.message);
		}
		isBusy = false;
		if (isAsked && isFollowing) catchUp();
	}

	function goNewest() {
		isFollowing = true;
		return exclusively(async () => {
			await loadHistory();
			await showNewest(portion);
			appendRules(Infinity);
			stick();
		});
	}

	async function showNewest(number) {
		isAsked = false;
		show(await readJournal(session.id, { tail: number }));
		hasOldest = lines.length < number;
		arrive();
	}

	function arrive() {
		hasNewest = true;
		missed = 0;
		showMissed();
	}

	function goOldest() {
		isFollowing = false;
		return exclusively(async () => {
			show(await readJournal(session.id, { limit: portion }));
			hasOldest = true;
			hasNewest = lines.length < portion;
			showMissed();
			scrollTo(0);
		});
	}

	async function loadHistory() {
		// Without it there are no rules across; the lines are all there.
		history = (await readHistory(session.id).catch(() => [])).map(happening).filter((entry) => entry.isRule);
	}

	// Fetches what has come. If that is more than anyone reads, only the end of it.
	function catchUp() {
		if (isBusy || !isShown) return;
		const wait = fetchedAt + interval - performance.now();
		if (wait > 0) return void setTimeout(() => isAsked && catchUp(), wait);
		fetchedAt = performance.now();
		isAsked = false;
		const end = lines.at(-1)?.event.cursor;
		exclusively(async () => {
			const events = end && missed < portion && await readJournal(session.id, { from: end, limit: portion });
			if (!isFollowing) return;
			if (events && events.length < portion) {
				events.forEach(append);
				trimTop();
				arrive();
			} else {
				await showNewest(Math.ceil(scroller.clientHeight / 20) + 10);
			}
			stick();
		});
	}

	function loadOlder() {
		if (hasOldest || !lines.length) return;
		exclusively(async () => {
			const events = await readJournal(session.id, { before: placeBefore(lines[0].event), limit: portion });
			hasOldest = events.length < portion;
			keep(() => {
				const later = lines;
				clear();
				events.forEach(append);
				if (continues(later[0].event)) later.shift();
				list.append(...later.flatMap((line) => line.nodes));
				lines.push(...later);
				if (lines.length > most) hasNewest = false;
				for (const line of lines.splice(most)) line.remove();
			});
			mark();
		});
	}

	function loadNewer() {
		if (hasNewest || !lines.length) return;
		exclusively(async () => {
			const events = await readJournal(session.id, { from: lines.at(-1).event.cursor, limit: portion });
			if (events.length < portion) arrive();
			keep(() => {
				events.forEach(append);
				trimTop();
			});
			mark();
		});
	}

	function show(events) {
		clear();
		events.forEach(append);
		empty.hidden = events.length > 0;
		setText(empty, session.isLive
			? "Nothing has been written yet. What comes will be here at once." : "It ended without a word.");
		mark();
	}

	function clear() {
		list.replaceChildren();
		lines = [];
		ruledUntil = 0;
	}

	function append(event) {
		if (event.type === "output" && continues(event)) return;
		appendRules(event.timestamp ?? lines.at(-1)?.event.timestamp ?? 0);
		const line = event.type === "gap" ? Gap(event) : Line(event);
		lines.push(line);
		list.append(line.element);
		empty.hidden = true;
	}

	// Whether it is the rest of a line whose beginning is there; a line of the other stream may be in between.
	function continues(event) {
		const line = lines.slice(-3).findLast((one) => one.event.data.stream === event.data.stream);
		if (!line?.event.data.partial || line.event.next !== event.seq) return false;
		line.extend(event);
		// What is fetched next comes after both.
		lines.at(-1).event = { ...lines.at(-1).event, cursor: event.cursor };
		return true;
	}

	function appendRules(time) {
		const before = lines.at(-1);
		const from = Math.max(ruledUntil, before?.event.timestamp ?? 0);
		for (const entry of history) {
			if (entry.time <= from || entry.time > time) continue;
			// Before the first line there are those of its time only.
			if (!before && time !== Infinity && entry.time < time - 60_000) continue;
			const rule = h(`div.rule.${entry.tone}`, { role: "separator" }, h("span", `${entry.text} · ${clock(entry.time)}`));
			list.append(rule);
			before?.nodes.push(rule);
			ruledUntil = entry.time;
		}
	}

	function trimTop() {
		if (lines.length <= most) return;
		hasOldest = false;
		for (const line of lines.splice(0, lines.length - most)) line.remove();
	}

	// Changes the lines; the first one that is seen stays where it is.
	function keep(change) {
		const top = scroller.getBoundingClientRect().top;
		const line = !isFollowing && lines.find((one) => one.element.getBoundingClientRect().bottom > top);
		const before = line && line.element.getBoundingClientRect().top;
		change();
		if (isFollowing) stick();
		else if (line?.element.isConnected) scrollTo(scroller.scrollTop + line.element.getBoundingClientRect().top - before);
	}

	function scrollTo(top) {
		scroller.scrollTop = top;
		lastTop = scroller.scrollTop;
	}

	function stick() {
		scrollTo(scroller.scrollHeight);
	}

	function scrolled() {
		const { scrollTop, clientHeight, scrollHeight } = scroller;
		const isUp = scrollTop < lastTop - 1;
		const isAtEnd = scrollTop + clientHeight >= scrollHeight - 4;
		lastTop = scrollTop;
		if (isUp && !isAtEnd) {
			isFollowing = false;
			showMissed();
		} else if (isAtEnd && hasNewest && !isFollowing) {
			isFollowing = true;
			arrive();
		}
		if (scrollTop < clientHeight) loadOlder();
		if (!isFollowing && scrollTop + 2 * clientHeight > scrollHeight) loadNewer();
	}

	// Searching, which the gateway does

	async function find(isForward) {
		if (!field.value) return endSearch();
		const start = field.value === query ? match : null;
		query = field.value;
		const before = start ? placeBefore(start) : session.cursor ?? lines.at(-1)?.event.cursor;
		const from = start?.cursor ?? (lines[0] && placeBefore(lines[0].event));
		if (!before || !from) return setText(found, "nothing there");
		setText(found, "searching …");
		return exclusively(async () => {
			const [event] = await readJournal(session.id, { grep: query, limit: 1, ...(isForward ? { from } : { before }) });
			if (!event) return setText(found, isForward ? "no later match" : "no earlier match");
			setText(found, event.timestamp ? `at ${clock(event.timestamp)}` : "found");
			match = event;
			await jump(event);
		});
	}

	async function jump(event) {
		const place = placeBefore(event);
		const isIt = (line) => line.event.seq === event.seq && line.event.data.stream === event.data.stream;
		isFollowing = false;
		if (!lines.some(isIt)) {
			const limit = portion / 2;
			const [before, after] = await Promise.all(
				[{ before: place, limit }, { from: place, limit }].map((part) => readJournal(session.id, part)));
			show([...before, ...after]);
			hasOldest = before.length < limit;
			hasNewest = after.length < limit;
		}
		unmark();
		const { element } = lines.find(isIt) ?? lines[0];
		element.classList.add("hit");
		element.scrollIntoView({ block: "center" });
		lastTop = scroller.scrollTop;
		showMissed();
		mark();
	}

	function unmark() {
		list.querySelector(".hit")?.classList.remove("hit");
	}

	function endSearch() {
		query = "";
		match = null;
		setText(found, "");
		unmark();
		mark();
	}

	// Marks what is searched for, without touching the lines.
	function mark() {
		if (!CSS.highlights) return;
		const ranges = [];
		const walker = document.createTreeWalker(list, NodeFilter.SHOW_TEXT);
		while (query && walker.nextNode()) {
			const { currentNode } = walker;
			for (let index = -1; (index = currentNode.data.indexOf(query, index + 1)) >= 0;) {
				ranges.push(new StaticRange({
					startContainer: currentNode, startOffset: index, endContainer: currentNode, endOffset: index + query.length,
				}));
			}
		}
		CSS.highlights.set("search", new Highlight(...ranges));
	}
}

function Line(event) {
	const { stream } = event.data;
	const text = h("span.line-text");
	const time = event.timestamp;
	let content = contentOf(event.data);
	const render = (isWhole = content.length <= longLine * 1.2) => replace(text, ...(isWhole ? [renderLine(content)] : [
		renderLine(content.slice(0, longLine)),
		h("button.unfold", { onclick: () => render(true) }, `… ${count(content.length - longLine)} more characters`),
	]));
	render();
	const line = Part(event, h(`div.line.${stream}`, h("time", time && { title: `${day(time)} ${clock(time)}` }, time && clock(time)),
		text, stream === "stderr" && h("span.stream-name", "stderr")));
	line.extend = (next) => {
		content += contentOf(next.data);
		line.event = { ...next, seq: event.seq, timestamp: time };
		render();
	};
	return line;
}

const Gap = (event) => Part(event, h("div.rule.warn", { role: "separator" },
	h("span", `${count(event.data.bytes)} bytes of ${event.data.stream} are missing: the journal is bounded`)));

function Part(event, element) {
	const nodes = [element];
	return { event, element, nodes, remove: () => nodes.forEach((node) => node.remove()) };
}
