// What a session has written: a window of lines over its journal, which moves as one scrolls.
import { renderLine } from "./ansi.js";
import { h, icon, memory, oncePerFrame, replace, setClass, setText } from "./dom.js";
import { clock, count, day, plural } from "./format.js";
import { contentOf, Journal, placeBefore } from "./journal.js";
import { happening } from "./events.js";

/** Lines that are fetched at once, and those that are in the page at most. */
const portion = 300;
const most = 1200;
/** Characters of a line that are shown before one asks for the rest. */
const longLine = 2000;
/** How often new output is fetched, in milliseconds. */
const interval = 120;

export class Output {
	#journal;
	#session;
	#lines = [];
	/** Whether the first and the last line of the journal are in the window. */
	#hasOldest = false;
	#hasNewest = false;
	#isFollowing = true;
	#isBusy = false;
	#isAsked = false;
	#fetchedAt = 0;
	#scrollTop = 0;
	#history = [];
	#missed = 0;
	#isShown = false;
	/** The time of the last rule across. */
	#ruledUntil = 0;
	#query = "";
	#search = null;

	constructor({ connection, session }) {
		this.#session = session;
		this.#journal = new Journal(connection, session.id);
		this.lines = h("div.lines", { role: "log", "aria-live": "off", "aria-label": `Output of ${session.id}`, tabindex: "0" });
		this.empty = h("p.quiet-note", { hidden: true });
		this.scroller = h("div.output-scroll", { onscroll: () => this.#scrolled() }, this.empty, this.lines);
		this.more = h("button.new-lines", { hidden: true, onclick: () => this.goNewest() });
		this.element = h("section.output", this.#makeBar(), h("div.output-body", this.scroller, this.more));
		new ResizeObserver(() => this.#isFollowing && this.#stick()).observe(this.scroller);
	}

	#makeBar() {
		this.stream = h("select", {
			"aria-label": "Streams", onchange: () => this.#applyView(),
		}, [["all", "stdout + stderr"], ["stdout", "stdout"], ["stderr", "stderr"]].map(([value, text]) => h("option", { value }, text)));
		this.times = this.#toggle("Times", "times", false, "Show times (t)");
		this.wrap = this.#toggle("Wrap", "wrap", true, "Wrap long lines (z)");
		this.searchField = h("input", {
			type: "search", placeholder: "Search the output", "aria-label": "Search the output", enterkeyhint: "search",
			autocomplete: "off", spellcheck: "false",
			onkeydown: (event) => {
				if (event.key === "Enter") this.#find(event.shiftKey);
				else if (event.key === "Escape") this.#endSearch();
			},
			oninput: () => this.searchField.value || this.#endSearch(),
		});
		this.found = h("span.found", { role: "status" });
		const step = (isForward, name, label) => h("button.icon-button", {
			title: label, "aria-label": label, onclick: () => this.#find(isForward),
		}, icon(name));
		this.#applyView();
		return h("div.bar",
			h("label.search", icon("search"), this.searchField),
			step(false, "up", "The match before"), step(true, "down", "The next match"), this.found, h("span.space"),
			this.stream, this.times, this.wrap,
			h("button.text-button", { title: "To the oldest line (g)", onclick: () => this.goOldest() }, "Oldest"),
			h("button.text-button", { title: "To the newest line (G)", onclick: () => this.goNewest() }, "Newest"));
	}

	#toggle(text, name, otherwise, title) {
		const isOn = memory.get(name, otherwise);
		const button = h("button.toggle", { title, "aria-pressed": String(isOn) }, text);
		button.addEventListener("click", () => {
			const next = button.getAttribute("aria-pressed") !== "true";
			button.setAttribute("aria-pressed", String(next));
			memory.set(name, next);
			this.#applyView();
		});
		return button;
	}

	/** What is shown of each line. The one that is read stays where it is. */
	#applyView() {
		const anchor = this.#anchor();
		setClass(this.lines, "with-times", this.times?.getAttribute("aria-pressed") === "true");
		setClass(this.lines, "wrapped", this.wrap?.getAttribute("aria-pressed") === "true");
		setClass(this.lines, "only-stdout", this.stream?.value === "stdout");
		setClass(this.lines, "only-stderr", this.stream?.value === "stderr");
		this.#keep(anchor);
	}

	// Coming and going

	async show() {
		this.#isShown = true;
		if (!this.#lines.length) await this.goNewest();
		else if (this.#isFollowing) this.wake();
	}

	hide() {
		this.#isShown = false;
	}

	end() {
		this.hide();
		if (CSS.highlights) CSS.highlights.delete("search");
	}

	/** There is something new. */
	wake(lines = 0) {
		if (!this.#isShown) return;
		if (!this.#isFollowing) {
			this.#hasNewest = false;
			this.#missed += lines;
			this.#showMissed();
			return;
		}
		this.#isAsked = true;
		this.#catchUp();
	}

	/** The state has changed: that belongs between the lines. */
	async happened() {
		await this.#loadHistory();
		this.wake();
		if (this.#hasNewest && this.#isFollowing) {
			this.#appendRules(Infinity);
			this.#stick();
		}
	}

	key(name) {
		const keys = {
			t: () => this.times.click(), z: () => this.wrap.click(), g: () => this.goOldest(), G: () => this.goNewest(),
			f: () => this.goNewest(), s: () => this.searchField.focus(),
		};
		keys[name]?.();
		return name in keys;
	}

	// Fetching

	async #exclusively(work) {
		if (this.#isBusy) return;
		this.#isBusy = true;
		try {
			await work();
			setText(this.found, this.found.textContent);
		} catch (error) {
			// What is shown stays; the page's head tells of a lost connection.
			if (error.code !== "offline") this.#say(error.message);
		} finally {
			this.#isBusy = false;
		}
		if (this.#isAsked && this.#isFollowing) this.#catchUp();
	}

	#say(text) {
		setText(this.found, text);
	}

	async goNewest() {
		this.#isFollowing = true;
		await this.#exclusively(async () => {
			await this.#loadHistory();
			this.#replace(await this.#journal.newest(portion));
			this.#hasNewest = true;
			this.#hasOldest = this.#lines.length < portion;
			this.#appendRules(Infinity);
			this.#isAsked = false;
			this.#missed = 0;
			this.#showMissed();
			this.#stick();
		});
	}

	async goOldest() {
		this.#isFollowing = false;
		await this.#exclusively(async () => {
			const events = await this.#journal.oldest(portion);
			this.#replace(events);
			this.#hasOldest = true;
			this.#hasNewest = events.length < portion;
			this.#scrollTo(0);
		});
	}

	async #loadHistory() {
		try {
			this.#history = (await this.#journal.history()).map(happening).filter((entry) => entry?.isRule);
		} catch {
			// Without it there are no rules across; the lines are all there.
		}
	}

	/** Fetches what has come. If that is more than anyone reads, only the end of it. */
	#catchUp() {
		if (this.#isBusy || !this.#isShown) return;
		const wait = this.#fetchedAt + interval - performance.now();
		if (wait > 0) {
			setTimeout(() => this.#isAsked && this.#catchUp(), wait);
			return;
		}
		this.#fetchedAt = performance.now();
		this.#isAsked = false;
		const end = this.#lines.at(-1)?.event.cursor;
		this.#exclusively(async () => {
			const events = end ? await this.#journal.from(end, portion) : await this.#journal.newest(portion);
			if (!this.#isFollowing) return;
			if (end && events.length >= portion) {
				this.#replace(await this.#journal.newest(portion));
				this.#hasOldest = false;
			} else {
				for (const event of events) this.#append(event);
				this.#trimTop();
			}
			this.#hasNewest = true;
			this.#stick();
		});
	}

	async #loadOlder() {
		if (this.#hasOldest || !this.#lines.length) return;
		await this.#exclusively(async () => {
			const events = await this.#journal.before(placeBefore(this.#lines[0].event), portion);
			const anchor = this.#anchor();
			if (events.length < portion) this.#hasOldest = true;
			const later = this.#lines;
			this.#clear();
			for (const event of events) this.#append(event);
			for (const line of later) this.#append(line.event);
			while (this.#lines.length > most) {
				this.#lines.pop().remove();
				this.#hasNewest = false;
			}
			this.#keep(anchor);
			this.#mark();
		});
	}

	async #loadNewer() {
		if (this.#hasNewest || !this.#lines.length) return;
		await this.#exclusively(async () => {
			const events = await this.#journal.from(this.#lines.at(-1).event.cursor, portion);
			if (events.length < portion) {
				this.#hasNewest = true;
				this.#missed = 0;
				this.#showMissed();
			}
			const anchor = this.#anchor();
			for (const event of events) this.#append(event);
			this.#trimTop();
			this.#keep(anchor);
			this.#mark();
		});
	}

	// Lines

	#replace(events) {
		this.#clear();
		for (const event of events) this.#append(event);
		this.empty.hidden = events.length > 0;
		setText(this.empty, this.#session.isLive
			? "Nothing has been written yet. What comes will be here at once." : "It ended without a word.");
		this.#mark();
	}

	#clear() {
		this.lines.replaceChildren();
		this.#lines = [];
		this.#ruledUntil = 0;
	}

	#append(event) {
		const before = this.#lines.at(-1);
		if (event.type === "output" && this.#continues(event)) return;
		this.#appendRules(event.timestamp ?? before?.event.timestamp ?? 0);
		const line = new Line(event);
		this.#lines.push(line);
		this.lines.append(line.element);
		this.empty.hidden = true;
	}

	/** Whether it is the rest of a line whose beginning is there. */
	#continues(event) {
		for (let index = this.#lines.length - 1; index >= 0 && index > this.#lines.length - 4; index -= 1) {
			const line = this.#lines[index];
			if (line.event.data.stream !== event.data.stream) continue;
			if (!line.event.data.partial || line.event.next !== event.seq) return false;
			line.extend(event);
			// A line of the other stream in between: what is fetched next still comes after both.
			if (index < this.#lines.length - 1) this.#lines.at(-1).event = { ...this.#lines.at(-1).event, cursor: event.cursor };
			return true;
		}
		return false;
	}

	/** Rules for what happened between the last line and a time. */
	#appendRules(time) {
		const last = this.#lines.at(-1);
		const from = Math.max(this.#ruledUntil, last?.event.timestamp ?? 0);
		for (const entry of this.#history) {
			if (entry.time <= from || entry.time > time) continue;
			// Before the first line there are those of its time only.
			if (!last && time !== Infinity && entry.time < time - 60_000) continue;
			const rule = h("div.rule", { class: entry.tone, role: "separator" }, h("span", `${entry.text} · ${clock(entry.time)}`));
			this.lines.append(rule);
			if (last) (last.rules ??= []).push(rule);
			this.#ruledUntil = entry.time;
		}
	}

	#trimTop() {
		const surplus = this.#lines.length - most;
		if (surplus <= 0) return;
		this.#hasOldest = false;
		const anchor = this.#isFollowing ? null : this.#anchor();
		for (const line of this.#lines.splice(0, surplus)) line.remove();
		this.#keep(anchor);
	}

	// Scrolling

	/** The first line that is seen, and where. */
	#anchor() {
		if (this.#isFollowing || !this.#lines?.length) return null;
		const top = this.scroller.getBoundingClientRect().top;
		let low = 0;
		let high = this.#lines.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#lines[middle].element.getBoundingClientRect().bottom > top) high = middle;
			else low = middle + 1;
		}
		const { element, event } = this.#lines[low];
		return { cursor: event.cursor, top: element.getBoundingClientRect().top };
	}

	/** Brings a line back to where it was. */
	#keep(anchor) {
		if (!anchor) {
			if (this.#isFollowing && this.scroller) this.#stick();
			return;
		}
		const line = this.#lines.find((candidate) => candidate.event.cursor === anchor.cursor);
		if (line) this.#scrollTo(this.scroller.scrollTop + line.element.getBoundingClientRect().top - anchor.top);
	}

	#scrollTo(top) {
		this.scroller.scrollTop = top;
		this.#scrollTop = this.scroller.scrollTop;
	}

	#stick() {
		this.#scrollTo(this.scroller.scrollHeight);
	}

	#scrolled() {
		const { scrollTop, clientHeight, scrollHeight } = this.scroller;
		const isUp = scrollTop < this.#scrollTop - 1;
		const isAtEnd = scrollTop + clientHeight >= scrollHeight - 4;
		this.#scrollTop = scrollTop;
		if (isUp && !isAtEnd) {
			this.#isFollowing = false;
			this.#showMissed();
		} else if (isAtEnd && this.#hasNewest && !this.#isFollowing) {
			this.#isFollowing = true;
			this.#missed = 0;
			this.#showMissed();
		}
		if (scrollTop < clientHeight) this.#loadOlder();
		if (!this.#isFollowing && scrollTop + 2 * clientHeight > scrollHeight) this.#loadNewer();
	}

	#showMissed = oncePerFrame(() => {
		this.more.hidden = this.#isFollowing;
		if (this.#isFollowing) return;
		replace(this.more, icon("down"), this.#missed ? `${plural(this.#missed, "new line")}` : "To the newest");
	});

	// Searching

	async #find(isForward) {
		const text = this.searchField.value;
		if (!text) return this.#endSearch();
		const isSame = text === this.#query && this.#search;
		this.#query = text;
		const first = this.#lines[0] && placeBefore(this.#lines[0].event);
		const start = isSame ? this.#search : null;
		const place = isForward
			? { from: start?.after ?? first } : { before: start?.before ?? this.#session.cursor ?? this.#lines.at(-1)?.event.cursor };
		if (!place.from && !place.before) return this.#say("nothing there");
		this.#say("searching …");
		await this.#exclusively(async () => {
			const found = await this.#journal.find(text, place);
			if (!found) return this.#say(isForward ? "no later match" : "no earlier match");
			this.#say(found.timestamp ? `at ${clock(found.timestamp)}` : "found");
			this.#search = { before: placeBefore(found), after: found.cursor };
			await this.#jump(found);
		});
	}

	/** Shows a line in the middle of its neighbours. */
	async #jump(event) {
		this.#isFollowing = false;
		let line = this.#lineOf(event);
		if (!line) {
			const place = placeBefore(event);
			const [before, after] = await Promise.all([this.#journal.before(place, portion / 2), this.#journal.from(place, portion / 2)]);
			this.#replace([...before, ...after]);
			this.#hasOldest = before.length < portion / 2;
			this.#hasNewest = after.length < portion / 2;
			line = this.#lineOf(event);
		}
		this.lines.querySelector(".hit")?.classList.remove("hit");
		line?.element.classList.add("hit");
		line?.element.scrollIntoView({ block: "center" });
		this.#scrollTop = this.scroller.scrollTop;
		this.#showMissed();
		this.#mark();
	}

	#lineOf(event) {
		return this.#lines.find((line) => line.event.seq === event.seq && line.event.data.stream === event.data.stream);
	}

	#endSearch() {
		this.#query = "";
		this.#search = null;
		this.#say("");
		this.lines.querySelector(".hit")?.classList.remove("hit");
		this.#mark();
	}

	/** Marks what is searched for, without touching the lines. */
	#mark() {
		if (!CSS.highlights) return;
		CSS.highlights.delete("search");
		if (!this.#query) return;
		const wanted = this.#query;
		const ranges = [];
		const walker = document.createTreeWalker(this.lines, NodeFilter.SHOW_TEXT);
		while (walker.nextNode()) {
			const text = walker.currentNode.data;
			for (let index = text.indexOf(wanted); index >= 0; index = text.indexOf(wanted, index + wanted.length)) {
				const range = new Range();
				range.setStart(walker.currentNode, index);
				range.setEnd(walker.currentNode, index + wanted.length);
				ranges.push(range);
			}
		}
		CSS.highlights.set("search", new Highlight(...ranges));
	}
}

/** A line of output in the page, or what stands for lines that are gone. */
class Line {
	constructor(event) {
		this.event = event;
		this.rules = null;
		if (event.type === "gap") {
			this.element = h("div.rule.gap", { role: "separator" },
				h("span", `${count(event.data.bytes)} bytes of ${event.data.stream} are missing: the journal is bounded`));
			return;
		}
		this.content = contentOf(event.data);
		const isError = event.data.stream === "stderr";
		this.text = h("span.line-text");
		this.element = h("div", { class: ["line", event.data.stream] },
			h("time", { title: event.timestamp ? `${day(event.timestamp)} ${clock(event.timestamp)}` : "" },
				event.timestamp ? clock(event.timestamp) : ""),
			this.text, isError && h("span.stream-name", "stderr"));
		this.#render();
	}

	extend(event) {
		this.content += contentOf(event.data);
		this.event = { ...event, seq: this.event.seq, timestamp: this.event.timestamp };
		this.#render();
	}

	#render(isWhole = this.content.length <= longLine * 1.2) {
		if (isWhole) return replace(this.text, renderLine(this.content));
		return replace(this.text, renderLine(this.content.slice(0, longLine)),
			h("button.unfold", { onclick: () => this.#render(true) },
				`… ${count(this.content.length - longLine)} more characters`));
	}

	remove() {
		this.element.remove();
		for (const rule of this.rules ?? []) rule.remove();
	}
}
