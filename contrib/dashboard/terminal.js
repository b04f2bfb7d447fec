// A session's terminal: its screen drawn as text, and keys, paste and mouse sent back.
import { plain, styled } from "./ansi.js";
import { gateway, request, sessionPath, socketURL } from "./connection.js";
import { h, hasKeyboard, memory, oncePerFrame, replace, setClass, setText } from "./dom.js";
import { keyText, mouseText } from "./keyboard.js";
import { Screen } from "./screen.js";

// Rows that have gone out at the top and can be scrolled back to.
const mostHistory = 2000;
// How long output is worked on at once, in milliseconds: the page stays quick however much comes.
const slice = 8;
// More waiting bytes than this are thrown away: a new connection shows what is on the screen.
const mostWaiting = 4 << 20;
const encoder = new TextEncoder();

// Keys that a phone's keyboard lacks; Ctrl and Alt hold for the next one.
const touchKeys = [
	["Esc", { key: "Escape" }], ["Tab", { key: "Tab" }], ["Ctrl", "ctrlKey"], ["Alt", "altKey"],
	["←", { key: "ArrowLeft" }, "Left"], ["↓", { key: "ArrowDown" }, "Down"], ["↑", { key: "ArrowUp" }, "Up"],
	["→", { key: "ArrowRight" }, "Right"], ["Home", { key: "Home" }], ["End", { key: "End" }],
	["PgUp", { key: "PageUp" }], ["PgDn", { key: "PageDown" }], ["^C", { key: "c", ctrlKey: true }, "Ctrl C"],
];

export function Terminal(session) {
	const { canControl } = gateway;
	const screen = Screen(80, 24, send);
	const rows = [];
	let socket = null;
	let waiting = [];
	let isWorking = false;
	let isShown = false;
	let isFresh = false;
	let drawnAt = 0;
	let held = {};
	let pressed = null;
	let retry = 0;
	let pause = 500;
	let cell = { width: 8, height: 17 };
	let fits = canControl && memory.get("terminalFits", innerWidth >= 720);

	const history = h("div.terminal-history", { "aria-hidden": "true" });
	const grid = h("div.terminal-grid");
	const cursor = h("div.terminal-cursor", { "aria-hidden": "true" });
	const ruler = h("span.terminal-ruler", { "aria-hidden": "true" }, "0".repeat(50));
	const input = h("textarea.terminal-input", {
		"aria-label": `Keys for ${session.id}; Shift Escape leaves the terminal`, autocapitalize: "off", autocomplete: "off",
		autocorrect: "off", spellcheck: "false", rows: "1", readonly: !canControl, onkeydown: keyDown, oninput: typed,
		oncompositionend: typed, onpaste: paste, onfocus: () => setFocus(true), onblur: () => setFocus(false),
	});
	const box = h("div.terminal-screen", grid, cursor, input);
	const scroller = h("div.terminal-scroll", history, box, ruler);
	const note = h("span.found", { role: "status" });
	const fit = h("button.toggle", {
		"aria-pressed": String(fits), title: "Whether the terminal takes the size of this window", onclick: toggleFit,
	}, "Fit to window");
	const keys = canControl && h("div.touch-keys", { role: "toolbar", "aria-label": "Keys" }, touchKeys.map(touchKey));
	listenToMouse();
	screen.colour = (isText) => getComputedStyle(scroller)[isText ? "color" : "backgroundColor"].match(/\d+/g).map(Number);
	new ResizeObserver(oncePerFrame(() => isShown && measure())).observe(scroller);

	const draw = oncePerFrame(() => {
		drawnAt = performance.now();
		const isAtEnd = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 8;
		// A few at a time, as there may be thousands; none while there is more to work on.
		if (!isWorking && screen.scrolled.length) {
			history.append(...screen.scrolled.splice(0, 60).map((row) => h("div.terminal-row", drawRow(row))));
			while (history.childElementCount > mostHistory) history.firstChild.remove();
			draw();
		}
		while (rows.length > screen.rows) rows.pop().remove();
		while (rows.length < screen.rows) grid.append(rows[rows.length] = h("div.terminal-row"));
		screen.grid.forEach((row, index) => {
			if (row.isDirty) replace(rows[index], drawRow(row));
			row.isDirty = false;
		});
		setClass(box, "reversed", screen.isReversed);
		history.hidden = screen.isOther;
		placeCursor();
		if (socket) say();
		if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
	});

	return {
		show() {
			isShown = true;
			connect();
			if (canControl && hasKeyboard()) focus();
		},
		hide() {
			isShown = false;
			clearTimeout(retry);
			disconnect();
		},
		happened: () => isShown && session.isLive && !socket && connect(),
		focus,
		element: h("section.terminal", h("div.bar", note, h("span.space"), canControl && [
			h("span.quiet.desktop", h("kbd", "Shift"), " ", h("kbd", "Esc"), " leaves the terminal"), fit,
		]), scroller, keys),
	};

	function focus() {
		input.focus({ preventScroll: true });
	}

	async function connect() {
		clearTimeout(retry);
		if (!fits) await askSize();
		if (socket || !isShown) return;
		measure();
		const own = socket = new WebSocket(
			socketURL(sessionPath(session.id, `/attach${fits ? `?cols=${screen.columns}&rows=${screen.rows}` : ""}`)));
		own.binaryType = "arraybuffer";
		own.onopen = () => {
			pause = 500;
			screen.reset();
			redraw();
			isFresh = true;
			say();
		};
		own.onmessage = ({ data }) => {
			if (own !== socket) return;
			if (typeof data !== "string") return receive(new Uint8Array(data));
			const { resize } = JSON.parse(data);
			if (resize && !fits) setSize(resize.cols, resize.rows);
		};
		own.onclose = ({ reason }) => {
			if (own !== socket) return;
			socket = null;
			if (!session.isLive) return say("This session has ended.");
			say(reason || "The terminal is not connected; trying again …");
			retry = setTimeout(connect, pause);
			pause = Math.min(pause * 2, 10_000);
		};
	}

	function disconnect() {
		socket?.close();
		socket = null;
		waiting = [];
	}

	function say(text = `${screen.columns} × ${screen.rows}${screen.title && ` · ${screen.title}`}`) {
		setText(note, text);
	}

	function measureCell() {
		const { width, height } = ruler.getBoundingClientRect();
		cell = { width: width / 50, height };
		return width;
	}

	function measure(isNew) {
		scroller.style.removeProperty("--terminal-size");
		if (!measureCell()) return;
		const style = getComputedStyle(scroller);
		const room = scroller.clientWidth - 2 * parseFloat(style.paddingLeft);
		if (fits) {
			const columns = Math.max(20, Math.min(400, Math.floor(room / cell.width)));
			const height = scroller.clientHeight - 2 * parseFloat(style.paddingTop);
			const count = Math.max(5, Math.min(200, Math.floor(height / cell.height)));
			const isOther = columns !== screen.columns || count !== screen.rows;
			setSize(columns, count);
			if (isNew || isOther) sendRaw(JSON.stringify({ resize: { cols: columns, rows: count } }));
			return;
		}
		// A terminal that is wider than the window is drawn smaller, as far as it can be read.
		const share = room / (screen.columns * cell.width);
		const usual = parseFloat(getComputedStyle(ruler).fontSize);
		if (share < 1) scroller.style.setProperty("--terminal-size", `${Math.max(9, Math.floor(usual * share * 10) / 10)}px`);
		measureCell();
		draw();
	}

	async function askSize() {
		const { terminal } = await request("GET", sessionPath(session.id)).catch(() => ({}));
		if (terminal) setSize(terminal.cols, terminal.rows);
	}

	function setSize(columns, count) {
		screen.resize(columns, count);
		say();
		redraw();
	}

	function toggleFit() {
		fits = !fits;
		memory.set("terminalFits", fits);
		if (!fits) askSize();
		fit.setAttribute("aria-pressed", String(fits));
		measure(true);
	}

	function receive(bytes) {
		waiting.push(bytes);
		if (waiting.reduce((sum, part) => sum + part.length, 0) > mostWaiting) {
			disconnect();
			connect();
		}
		if (!isWorking) work();
	}

	function work() {
		const end = performance.now() + slice;
		while (waiting.length && performance.now() < end) {
			const bytes = waiting.shift();
			screen.write(bytes.subarray(0, 2048));
			if (bytes.length > 2048) waiting.unshift(bytes.subarray(2048));
			// What the first picture pushes out was on no screen.
			if (isFresh) screen.scrolled.length = 0;
			isFresh = false;
			const surplus = screen.scrolled.length - mostHistory;
			if (surplus > 0) {
				screen.scrolled.splice(0, surplus);
				history.replaceChildren();
			}
		}
		isWorking = waiting.length > 0;
		if (isWorking) setTimeout(work);
		// What nobody can read is not drawn sixty times in a second.
		if (!isWorking || end > drawnAt + 100) draw();
	}

	function redraw() {
		for (const row of screen.grid) row.isDirty = true;
		draw();
	}

	function placeCursor() {
		const { x, y, cursorShape, isCursorShown } = screen;
		cursor.hidden = !isCursorShown;
		cursor.className = `terminal-cursor ${cursorShape >= 5 ? "bar-shape" : cursorShape >= 3 ? "under-shape" : ""}`;
		cursor.style.width = `${cell.width}px`;
		cursor.style.height = `${cell.height}px`;
		cursor.style.transform = input.style.transform = `translate(${x * cell.width}px, ${y * cell.height}px)`;
	}

	function send(text) {
		sendRaw(encoder.encode(text));
	}

	function sendRaw(data) {
		if (canControl && socket?.readyState === WebSocket.OPEN) socket.send(data);
	}

	function textOf(key) {
		return keyText({ ...held, ...key }, screen.hasApplicationKeys);
	}

	function keyDown(event) {
		const { key, ctrlKey, altKey, shiftKey, metaKey } = event;
		if (event.isComposing || key === "Process" || key === "Unidentified") return;
		// The way out for those who have only keys, and the browser's and system's own.
		if (key === "Escape" && shiftKey) return input.blur();
		if (metaKey || (ctrlKey && (shiftKey || key === "v" || (key === "c" && String(getSelection()))))) return;
		const text = textOf({ key, shiftKey, ...(ctrlKey && { ctrlKey }), ...(altKey && { altKey }) });
		event.stopPropagation();
		if (text === null) return;
		event.preventDefault();
		release();
		send(text);
		scroller.scrollTop = scroller.scrollHeight;
	}

	// What a keyboard that has no keys has written: that of a phone, or of another script.
	function typed(event) {
		const { value } = input;
		if (!value || event.isComposing) return;
		input.value = "";
		send((value.length === 1 && value !== "\n" && textOf({ key: value })) || value.replaceAll("\n", "\r"));
		release();
	}

	function paste(event) {
		event.preventDefault();
		// A line feed would be another key; an end of the brackets would be a way out of them.
		const text = event.clipboardData.getData("text").replaceAll(/\r?\n/g, "\r").replaceAll("\x1b[201~", "");
		send(screen.hasPaste ? `\x1b[200~${text}\x1b[201~` : text);
	}

	function setFocus(isIn) {
		setClass(scroller, "focused", isIn);
		if (screen.hasFocus) send(isIn ? "\x1b[I" : "\x1b[O");
	}

	function touchKey([text, key, label]) {
		const isModifier = typeof key === "string";
		return h("button", {
			"aria-label": label, "aria-pressed": isModifier && "false",
			// Without taking the focus: the keyboard stays.
			onpointerdown: (event) => event.preventDefault(),
			onclick: ({ currentTarget }) => {
				if (!isModifier) {
					send(textOf(key));
					return release();
				}
				held[key] = !held[key];
				currentTarget.setAttribute("aria-pressed", String(held[key]));
			},
		}, text);
	}

	function release() {
		held = {};
		for (const button of keys.querySelectorAll("[aria-pressed=true]")) button.setAttribute("aria-pressed", "false");
	}

	function listenToMouse() {
		const isWanted = (event) => screen.mouse && !event.shiftKey && canControl;
		scroller.addEventListener("mousedown", (event) => {
			if (!isWanted(event)) return;
			event.preventDefault();
			focus();
			pressed = event.button;
			report(pressed, "down", event);
		});
		// A click that selected nothing is for typing.
		scroller.addEventListener("click", () => String(getSelection()) || focus());
		addEventListener("mouseup", (event) => {
			if (pressed !== null && isShown && screen.mouse > 9) report(event.button, "up", event);
			pressed = null;
		});
		box.addEventListener("mousemove", (event) => {
			if (isWanted(event) && (screen.mouse === 1003 || (screen.mouse === 1002 && pressed !== null))) report(pressed ?? 3, "move", event);
		});
		scroller.addEventListener("wheel", (event) => {
			const isDown = event.deltaY > 0;
			if (!canControl || !(isWanted(event) || screen.isOther)) return;
			event.preventDefault();
			if (isWanted(event)) report(isDown ? 65 : 64, "down", event);
			// A program with a screen of its own has no lines to scroll back to: it gets keys, as in other terminals.
			else send(textOf({ key: isDown ? "ArrowDown" : "ArrowUp" }).repeat(3));
		}, { passive: false });
	}

	function report(button, kind, event) {
		const { left, top } = box.getBoundingClientRect();
		const place = (distance, size, most) => Math.max(0, Math.min(most - 1, Math.floor(distance / size)));
		const text = mouseText(screen, button, kind, place(event.clientX - left, cell.width, screen.columns),
			place(event.clientY - top, cell.height, screen.rows), event);
		if (text) send(text);
	}
}

// Characters that every monospaced typeface has in the same width.
const even = /^[\x20-\x7e\u00a0-\u017f\u2500-\u257f]$/;

// A row as pieces of text that look alike. What may be of another width than its columns stands in a box of them.
function drawRow({ cells }) {
	const nodes = [];
	let text = "";
	let style = plain;
	const flush = () => {
		if (text) nodes.push(style.key === plain.key ? text : styled(text, style));
		text = "";
	};
	cells.forEach((cell, column) => {
		const isEven = even.test(cell.text);
		if (!isEven || cell.style.key !== style.key) flush();
		style = cell.style;
		if (isEven) text += cell.text;
		else if (cell.text) nodes.push(styled(cell.text, style, cells[column + 1]?.text === "" ? "two-columns" : "one-column"));
	});
	if (style.key === plain.key) text = text.trimEnd();
	flush();
	return nodes.length ? nodes : "\u200b";
}
