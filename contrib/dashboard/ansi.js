// Lines of output that were made for a terminal: colours and links become elements, all else is left out.
import { h } from "./dom.js";

/** Sequences that terminals obey: CSI, then OSC and its relatives up to their end, then the short ones. */
const sequences =
	// eslint-disable-next-line no-control-regex
	/\x1b\[([0-9;:<=>?]*)([ -/]*)([@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\|$)|\x1b[PX^_][^\x1b]*(?:\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Bidirectional controls could show a line as what it is not. */
const deceptive = /[\u202a-\u202e\u2066-\u2069]/g;

/** The text alone. What a carriage return would have been overwritten is gone. */
export function plainText(line) {
	return lastDrawn(line).replace(sequences, "").replace(deceptive, "\ufffd");
}

/** A progress bar draws its line again after each carriage return; the last drawing counts. */
function lastDrawn(line) {
	const text = line.endsWith("\r") ? line.slice(0, -1) : line;
	const start = text.lastIndexOf("\r");
	return start < 0 ? text : text.slice(start + 1);
}

/** How a text looks: attributes, and colours as numbers from 0 to 255, as "#rrggbb", or null for the usual one. */
export class Style {
	constructor() {
		this.reset();
	}

	reset() {
		this.bold = this.dim = this.italic = this.underline = this.blink = this.inverse = this.hidden = this.strike = false;
		this.front = null;
		this.back = null;
		return this;
	}

	copy() {
		return Object.assign(new Style(), this);
	}

	equals(other) {
		return other !== null && this.front === other.front && this.back === other.back && this.flags === other.flags;
	}

	get flags() {
		return this.bold | this.dim << 1 | this.italic << 2 | this.underline << 3 | this.blink << 4 | this.inverse << 5
			| this.hidden << 6 | this.strike << 7;
	}

	get isPlain() {
		return this.flags === 0 && this.front === null && this.back === null;
	}

	/** Takes what stands between the "ESC [" and the "m". */
	change(text) {
		const groups = text.split(";").map((group) => group.split(":").map(Number));
		for (let index = 0; index < groups.length; index += 1) {
			const [number, ...more] = groups[index];
			if (number === 38 || number === 48) {
				// A colour's numbers come with colons, or with semicolons.
				let parts = more;
				if (!parts.length) {
					const length = groups[index + 1]?.[0] === 2 ? 4 : 2;
					parts = groups.slice(index + 1, index + 1 + length).map((group) => group[0]);
					index += length;
				}
				this[number === 38 ? "front" : "back"] = colourOf(parts);
			} else {
				this.#apply(number, more);
			}
		}
	}

	#apply(number, more) {
		switch (number) {
			case 0: this.reset(); break;
			case 1: this.bold = true; break;
			case 2: this.dim = true; break;
			case 3: this.italic = true; break;
			case 4: this.underline = more[0] !== 0; break;
			case 5: case 6: this.blink = true; break;
			case 7: this.inverse = true; break;
			case 8: this.hidden = true; break;
			case 9: this.strike = true; break;
			case 21: this.underline = true; break;
			case 22: this.bold = this.dim = false; break;
			case 23: this.italic = false; break;
			case 24: this.underline = false; break;
			case 25: this.blink = false; break;
			case 27: this.inverse = false; break;
			case 28: this.hidden = false; break;
			case 29: this.strike = false; break;
			case 39: this.front = null; break;
			case 49: this.back = null; break;
			default:
				if (number >= 30 && number <= 37) this.front = number - 30;
				else if (number >= 40 && number <= 47) this.back = number - 40;
				else if (number >= 90 && number <= 97) this.front = number - 82;
				else if (number >= 100 && number <= 107) this.back = number - 92;
		}
	}
}

function colourOf([kind, ...parts]) {
	if (kind === 5) return parts[0] >= 0 && parts[0] < 256 ? parts[0] : null;
	if (kind !== 2 || parts.length < 3) return null;
	// A colour space may stand before the colour.
	return `#${parts.slice(-3).map((part) => (part & 255).toString(16).padStart(2, "0")).join("")}`;
}

/** The first 16 are the theme's, the others what xterm has. */
export function cssColour(colour) {
	if (typeof colour === "string") return colour;
	if (colour < 16) return `var(--ansi-${colour})`;
	if (colour >= 232) {
		const grey = 8 + (colour - 232) * 10;
		return `rgb(${grey} ${grey} ${grey})`;
	}
	const levels = [0, 95, 135, 175, 215, 255];
	const rest = colour - 16;
	return `rgb(${levels[Math.floor(rest / 36)]} ${levels[Math.floor(rest / 6) % 6]} ${levels[rest % 6]})`;
}

/** Makes an element look like a style. */
export function dress(element, style) {
	const names = [];
	for (const name of ["dim", "italic", "underline", "hidden", "strike"]) if (style[name]) names.push(name);
	if (style.bold) names.push("bold");
	if (names.length) element.className = names.join(" ");
	let { front, back } = style;
	if (style.inverse) [front, back] = [back ?? "var(--terminal-back)", front ?? "var(--terminal-text)"];
	if (front !== null) element.style.color = cssColour(front);
	if (back !== null) element.style.backgroundColor = cssColour(back);
	return element;
}

const address = /\bhttps?:\/\/[^\s<>"'`\\]+[^\s<>"'`\\.,;:!?)\]}]/g;

/** Only http and https, and nothing of this page for the other side. */
export function link(url, text) {
	let parsed;
	try {
		parsed = new URL(url);
	} catch {
		return text;
	}
	if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return text;
	return h("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** A text with the addresses in it as links. */
export function withLinks(text) {
	const nodes = [];
	let end = 0;
	for (const match of text.matchAll(address)) {
		if (match.index > end) nodes.push(text.slice(end, match.index));
		nodes.push(link(match[0], match[0]));
		end = match.index + match[0].length;
	}
	if (end < text.length) nodes.push(text.slice(end));
	return nodes;
}

/** A line of output as nodes. */
export function renderLine(line) {
	const text = lastDrawn(line).replace(deceptive, "\ufffd");
	if (!text.includes("\x1b")) return withLinks(text.replace(sequences, ""));
	const nodes = [];
	const style = new Style();
	let target = null;
	let end = 0;
	const add = (part) => {
		if (!part) return;
		const content = target ? [link(target, part)] : withLinks(part);
		if (style.isPlain) nodes.push(...content);
		else nodes.push(dress(h("span", content), style));
	};
	for (const match of text.matchAll(sequences)) {
		add(text.slice(end, match.index));
		end = match.index + match[0].length;
		if (match[3] === "m" && !match[2] && !/[<=>?]/.test(match[1])) style.change(match[1]);
		else if (match[4]?.startsWith("8;")) target = match[4].split(";").slice(2).join(";") || null;
	}
	add(text.slice(end));
	return nodes;
}
