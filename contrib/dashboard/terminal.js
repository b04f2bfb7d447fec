// A session's terminal: its screen drawn as text, and keys, paste and mouse sent back.
import { dress } from "./ansi.js";
import { h, memory, oncePerFrame, replace, setClass, setText } from "./dom.js";
import { keyText, mouseText } from "./keyboard.js";
import { Screen } from "./screen.js";

/** Rows that have gone out at the top and can be scrolled back to. */
const mostHistory = 2000;
/** How long output is worked on at once, in milliseconds: the page stays quick however much comes. */
const slice = 8;
/** More waiting output than this is thrown away: a new connection shows what is on the screen. */
const mostWaiting = 4 << 20;
const encoder = new TextEncoder();

/** Keys that a phone's keyboard lacks. */
const touchKeys = [
	["Esc", { key: "Escape" }], ["Tab", { key: "Tab" }], ["Ctrl", "ctrlKey"], ["Alt", "altKey"],
	["←", { key: "ArrowLeft" }, "Left"], ["↓", { key: "ArrowDown" }, "Down"], ["↑", { key: "ArrowUp" }, "Up"],
	["→", { key: "ArrowRight" }, "Right"], ["Home", { key: "Home" }], ["End", { key: "End" }],
	["PgUp", { key: "PageUp" }], ["PgDn", { key: "PageDown" }], ["^C", { key: "c", ctrlKey: true }, "Ctrl C"],
];

export class Terminal {
	#connection;
	#session;
	#socket = null;
	#screen = new Screen(80, 24, (text) => this.#send(text));
	#waiting = [];
	#waitingBytes = 0;
	#isWorking = false;
	#isShown = false;
	#isFresh = false;
	#rows = [];
	#held = { ctrlKey: false, altKey: false };
	#pressed = null;
	#retry = 0;
	#pause = 500;
	#cell = { width: 8, height: 17 };
	#fits = memory.get("terminalFits", innerWidth >= 720);

	constructor({ connection, session, canControl }) {
		this.#connection = connection;
		this.#session = session;
		this.canControl = canControl;
		this.history = h("div.terminal-history", { "aria-hidden": "true" });
		this.grid = h("div.terminal-grid");
		this.cursor = h("div.terminal-cursor", { "aria-hidden": "true" });
		this.ruler = h("span.terminal-ruler", { "aria-hidden": "true" }, "0".repeat(50));
		this.input = h("textarea.terminal-input", {
			"aria-label": `Keys for ${session.id}; Shift Escape leaves the terminal`, autocapitalize: "off",
			autocomplete: "off", autocorrect: "off", spellcheck: "false", rows: "1", readonly: !canControl,
			onkeydown: (event) => this.#keyDown(event), oninput: (event) => this.#typed(event), onpaste: (event) => this.#paste(event),
			onfocus: () => this.#focus(true), onblur: () => this.#focus(false), oncompositionend: (event) => this.#typed(event),
		});
		this.screenElement = h("div.terminal-screen", this.grid, this.cursor, this.input);
		this.scroller = h("div.terminal-scroll", this.history, this.screenElement, this.ruler);
		this.note = h("span.found", { role: "status" });
		this.fit = h("button.toggle", {
			"aria-pressed": String(this.#fits), title: "Whether the terminal takes the size of this window",
			onclick: () => this.#toggleFit(),
		}, "Fit to window");
		this.keys = canControl && h("div.touch-keys", { role: "toolbar", "aria-label": "Keys" }, touchKeys.map((key) => this.#touchKey(...key)));
		this.element = h("section.terminal",
			h("div.bar", this.note, h("span.space"),
				canControl && h("span.quiet.desktop", h("kbd", "Shift"), " ", h("kbd", "Esc"), " leaves the terminal"),
				canControl && this.fit),
			this.scroller, this.keys);
		this.#screen.colour = (isText) => this.#themeColour(isText);
		this.#listenToMouse();
		new ResizeObserver(oncePerFrame(() => this.#isShown && this.#measure())).observe(this.scroller);
	}

	// Coming and going

	show() {
		this.#isShown = true;
		this.#connect();
		if (this.canControl && matchMedia("(pointer: fine)").matches) this.input.focus({ preventScroll: true });
	}

	hide() {
		this.#isShown = false;
		clearTimeout(this.#retry);
		this.#disconnect();
	}

	end() {
		this.hide();
	}

	wake() {}

	/** The state has changed: a session that was started again has a terminal again. */
	happened() {
		if (this.#isShown && this.#session.isLive && !this.#socket) this.#connect();
	}

	focus() {
		this.input.focus({ preventScroll: true });
	}

	async #connect() {
		clearTimeout(this.#retry);
		if (!this.#fits || !this.canControl) await this.#askSize();
		if (this.#socket || !this.#isShown) return;
		this.#measure();
		const { columns, rows } = this.#screen;
		const size = this.#fits && this.canControl ? `?cols=${columns}&rows=${rows}` : "";
		const socket = new WebSocket(`${this.#connection.attachURL(this.#session.id)}${size}`);
		socket.binaryType = "arraybuffer";
		this.#socket = socket;
		socket.onopen = () => {
			this.#pause = 500;
			this.#screen.reset();
			this.#redraw();
			this.#isFresh = true;
			this.#say("");
		};
		socket.onmessage = (message) => {
			if (typeof message.data === "string") this.#told(message.data);
			else this.#receive(new Uint8Array(message.data));
		};
		socket.onclose = (event) => this.#lost(socket, event);
	}

	#disconnect() {
		const socket = this.#socket;
		this.#socket = null;
		if (!socket) return;
		socket.onclose = socket.onmessage = null;
		socket.close();
		this.#waiting = [];
		this.#waitingBytes = 0;
	}

	#lost(socket, event) {
		if (socket !== this.#socket) return;
		this.#socket = null;
		if (!this.#session.isLive) return this.#say("This session has ended.");
		this.#say(event.reason || "The terminal is not connected; trying again …");
		this.#retry = setTimeout(() => this.#connect(), this.#pause);
		this.#pause = Math.min(this.#pause * 2, 10_000);
	}

	/** What the gateway says about the terminal: its size, if someone else has changed it. */
	#told(text) {
		const { resize } = JSON.parse(text);
		if (resize && !this.#fits) this.#setSize(resize.cols, resize.rows);
	}

	#say(text) {
		setText(this.note, text || `${this.#screen.columns} × ${this.#screen.rows}${this.#screen.title ? ` · ${this.#screen.title}` : ""}`);
	}

	// Size

	#measure(isNew = false) {
		this.scroller.style.removeProperty("--terminal-size");
		const { width, height } = this.ruler.getBoundingClientRect();
		if (!width) return;
		const style = getComputedStyle(this.scroller);
		const room = {
			width: this.scroller.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
			height: this.scroller.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
		};
		this.#cell = { width: width / 50, height };
		if (this.#fits && this.canControl) {
			const columns = Math.max(20, Math.min(400, Math.floor(room.width / this.#cell.width)));
			const rows = Math.max(5, Math.min(200, Math.floor(room.height / this.#cell.height)));
			const isOther = columns !== this.#screen.columns || rows !== this.#screen.rows;
			this.#setSize(columns, rows);
			if (isNew || isOther) this.#sendText(JSON.stringify({ resize: { cols: columns, rows } }));
			return;
		}
		this.#shrink(room.width);
	}

	/** A terminal that is wider than the window is drawn smaller, as far as it can be read. */
	#shrink(room) {
		const wanted = this.#screen.columns * this.#cell.width;
		const usual = parseFloat(getComputedStyle(this.ruler).fontSize);
		if (wanted > room) this.scroller.style.setProperty("--terminal-size", `${Math.max(9, Math.floor((usual * room * 10) / wanted) / 10)}px`);
		const { width, height } = this.ruler.getBoundingClientRect();
		this.#cell = { width: width / 50, height };
		this.#draw();
	}

	async #askSize() {
		try {
			const { terminal } = await this.#connection.request("GET", `sessions/${encodeURIComponent(this.#session.id)}`);
			if (terminal) this.#setSize(terminal.cols, terminal.rows);
		} catch {
			// The usual size, then.
		}
	}

	#setSize(columns, rows) {
		this.#screen.resize(columns, rows);
		this.#say("");
		this.#redraw();
	}

	#toggleFit() {
		this.#fits = !this.#fits;
		memory.set("terminalFits", this.#fits);
		if (!this.#fits) this.#askSize();
		this.fit.setAttribute("aria-pressed", String(this.#fits));
		this.#measure(true);
	}

	// Output

	#receive(bytes) {
		this.#waiting.push(bytes);
		this.#waitingBytes += bytes.length;
		if (this.#waitingBytes > mostWaiting) {
			this.#disconnect();
			this.#connect();
		}
		if (!this.#isWorking) this.#work();
	}

	#work() {
		this.#isWorking = true;
		const end = performance.now() + slice;
		while (this.#waiting.length && performance.now() < end) {
			const bytes = this.#waiting[0];
			const part = bytes.subarray(0, 16_384);
			this.#waitingBytes -= part.length;
			this.#screen.write(part);
			if (part.length === bytes.length) this.#waiting.shift();
			else this.#waiting[0] = bytes.subarray(part.length);
			// What the first picture pushes out was on no screen.
			if (this.#isFresh) this.#screen.scrolled.length = 0;
			this.#isFresh = false;
		}
		this.#draw();
		if (this.#waiting.length) setTimeout(() => this.#work());
		else this.#isWorking = false;
	}

	#redraw() {
		for (const row of this.#screen.grid) row.isDirty = true;
		this.#draw();
	}

	#draw = oncePerFrame(() => {
		const screen = this.#screen;
		const isAtEnd = this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - 8;
		this.#drawHistory();
		while (this.#rows.length > screen.rows) this.#rows.pop().remove();
		while (this.#rows.length < screen.rows) {
			const element = h("div.terminal-row");
			this.#rows.push(element);
			this.grid.append(element);
		}
		screen.grid.forEach((row, index) => {
			if (!row.isDirty) return;
			row.isDirty = false;
			replace(this.#rows[index], drawRow(row));
		});
		setClass(this.screenElement, "reversed", screen.isReversed);
		this.history.hidden = screen.isOther;
		this.#placeCursor();
		this.#say(this.#socket ? "" : this.note.textContent);
		if (isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
	});

	#drawHistory() {
		const gone = this.#screen.scrolled.splice(0).slice(-mostHistory);
		if (!gone.length) return;
		const parts = document.createDocumentFragment();
		for (const row of gone) parts.append(h("div.terminal-row", drawRow(row)));
		this.history.append(parts);
		while (this.history.childElementCount > mostHistory) this.history.firstChild.remove();
	}

	#placeCursor() {
		const { place, columns, cursorShape, isCursorShown } = this.#screen;
		const x = Math.min(place.column, columns - 1) * this.#cell.width;
		const y = place.row * this.#cell.height;
		this.cursor.hidden = !isCursorShown;
		this.cursor.className = `terminal-cursor ${cursorShape >= 5 ? "bar-shape" : cursorShape >= 3 ? "under-shape" : ""}`;
		for (const element of [this.cursor, this.input]) element.style.transform = `translate(${x}px, ${y}px)`;
		this.cursor.style.width = `${this.#cell.width}px`;
		this.cursor.style.height = `${this.#cell.height}px`;
	}

	#themeColour(isText) {
		const style = getComputedStyle(this.scroller);
		return /\d+, \d+, \d+|\d+ \d+ \d+/.exec(isText ? style.color : style.backgroundColor)?.[0].match(/\d+/g).map(Number);
	}

	// Input

	#send(text) {
		if (this.canControl && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encoder.encode(text));
	}

	#sendText(text) {
		if (this.canControl && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
	}

	#keyDown(event) {
		if (event.isComposing || event.key === "Process" || event.key === "Unidentified") return;
		// The way out for those who have only keys, and the browser's and system's own.
		if (event.key === "Escape" && event.shiftKey) return this.input.blur();
		if (event.metaKey || (event.ctrlKey && event.shiftKey)) return;
		if (event.ctrlKey && event.key === "v") return;
		if (event.ctrlKey && event.key === "c" && String(getSelection())) return;
		const text = keyText({ key: event.key, ctrlKey: event.ctrlKey || this.#held.ctrlKey, altKey: event.altKey || this.#held.altKey, shiftKey: event.shiftKey },
			this.#screen.hasApplicationKeys);
		event.stopPropagation();
		if (text === null) return;
		event.preventDefault();
		this.#release();
		this.#send(text);
		this.scroller.scrollTop = this.scroller.scrollHeight;
	}

	/** What a keyboard that has no keys has written: that of a phone, or of another script. */
	#typed(event) {
		const { value } = this.input;
		if (!value || event.isComposing) return;
		this.input.value = "";
		if ((this.#held.ctrlKey || this.#held.altKey) && value.length === 1) {
			this.#send(keyText({ key: value, shiftKey: false, ...this.#held }, this.#screen.hasApplicationKeys) ?? value);
			return this.#release();
		}
		this.#send(value.replaceAll("\n", "\r"));
	}

	#paste(event) {
		event.preventDefault();
		// A line feed would be another key; an end of the brackets would be a way out of them.
		const text = event.clipboardData.getData("text").replaceAll(/\r?\n/g, "\r").replaceAll("\x1b[201~", "");
		this.#send(this.#screen.hasPaste ? `\x1b[200~${text}\x1b[201~` : text);
	}

	#focus(isIn) {
		setClass(this.scroller, "focused", isIn);
		if (this.#screen.hasFocus) this.#send(isIn ? "\x1b[I" : "\x1b[O");
	}

	#touchKey(text, key, label) {
		const isModifier = typeof key === "string";
		const button = h("button", { "aria-label": label, "aria-pressed": isModifier && "false" }, text);
		// Without taking the focus: the keyboard stays.
		button.addEventListener("pointerdown", (event) => event.preventDefault());
		button.addEventListener("click", () => {
			if (isModifier) {
				this.#held[key] = !this.#held[key];
				button.setAttribute("aria-pressed", String(this.#held[key]));
			} else {
				this.#send(keyText({ ...this.#held, shiftKey: false, ...key }, this.#screen.hasApplicationKeys));
				this.#release();
			}
		});
		return button;
	}

	#release() {
		if (!this.#held.ctrlKey && !this.#held.altKey) return;
		this.#held = { ctrlKey: false, altKey: false };
		for (const button of this.keys.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", "false");
	}

	// Mouse

	#listenToMouse() {
		const { screenElement, scroller } = this;
		const isWanted = (event) => this.#screen.mouse && !event.shiftKey && this.canControl;
		scroller.addEventListener("mousedown", (event) => {
			if (!isWanted(event)) return;
			event.preventDefault();
			this.focus();
			this.#pressed = event.button;
			this.#report(event.button, "down", event);
		});
		// A click that selected nothing is for typing.
		scroller.addEventListener("click", () => String(getSelection()) || this.focus());
		addEventListener("mouseup", (event) => {
			if (this.#pressed === null || !this.#isShown) return;
			this.#pressed = null;
			if (this.#screen.mouse > 9) this.#report(event.button, "up", event);
		});
		screenElement.addEventListener("mousemove", (event) => {
			if (!isWanted(event)) return;
			const { mouse } = this.#screen;
			if (mouse === 1003 || (mouse === 1002 && this.#pressed !== null)) this.#report(this.#pressed ?? 3, "move", event);
		});
		scroller.addEventListener("wheel", (event) => {
			const step = event.deltaY > 0 ? 1 : -1;
			if (isWanted(event)) {
				event.preventDefault();
				this.#report(step > 0 ? 65 : 64, "down", event);
			} else if (this.#screen.isOther && this.canControl) {
				// A program with a screen of its own has no lines to scroll back to: it gets keys, as in other terminals.
				event.preventDefault();
				const key = keyText({ key: step > 0 ? "ArrowDown" : "ArrowUp" }, this.#screen.hasApplicationKeys);
				this.#send(key.repeat(3));
			}
		}, { passive: false });
	}

	#report(button, kind, event) {
		const box = this.screenElement.getBoundingClientRect();
		const column = Math.max(0, Math.min(this.#screen.columns - 1, Math.floor((event.clientX - box.left) / this.#cell.width)));
		const row = Math.max(0, Math.min(this.#screen.rows - 1, Math.floor((event.clientY - box.top) / this.#cell.height)));
		const text = mouseText(this.#screen, button, kind, column, row, event);
		if (text) this.#send(text);
	}
}

/** Characters that every monospaced typeface has in the same width. */
const even = /^[\x20-\x7e\u00a0-\u017f\u2500-\u257f]$/;

/** A row as pieces of text that look alike. What may be of another width than its columns stands in a box of them. */
function drawRow(row) {
	const { texts, styles } = row;
	let end = texts.length;
	while (end > 0 && (texts[end - 1] === null || texts[end - 1] === " ") && styles[end - 1].isPlain) end -= 1;
	const nodes = [];
	let text = "";
	let style = null;
	const flush = () => {
		if (text) nodes.push(style.isPlain ? text : dress(h("span", text), style));
		text = "";
	};
	for (let column = 0; column < end; column += 1) {
		const character = texts[column] ?? " ";
		if (character === "") continue;
		const isEven = even.test(character);
		if (!isEven || !styles[column].equals(style)) flush();
		style = styles[column];
		if (isEven) {
			text += character;
			continue;
		}
		const box = dress(h("span"), style);
		box.classList.add(texts[column + 1] === "" ? "two-columns" : "one-column");
		box.append(character);
		nodes.push(box);
	}
	flush();
	return nodes.length ? nodes : ["\u200b"];
}
