// Text that was made for a terminal: colours and links become elements, all else is left out.
import { h } from "./dom.js";

// Sequences that terminals obey: CSI, then OSC and its relatives up to their end, then the short ones.
const sequences =
	/\x1b\[([0-?]*)([ -/]*)([@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\|$)|\x1b[PX^_][^\x1b]*(?:\x1b\\|$)|\x1b[ -/]*[0-~]?|[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

// A progress bar draws its line again after each carriage return: the last drawing counts. Controls of direction could show a line as what it is not.
const lastDrawn = (line) => line.replace(/\r$/, "").replace(/^[^]*\r/, "").replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

export const plainText = (line) => lastDrawn(line).replace(sequences, "");

// How text looks: colours from 0 to 255 or as CSS, null for the usual ones, and attributes. Two with one key look alike.
const Style = (front, back, names) => ({ front, back, names, key: [front, back, ...names].join() });
export const plain = Style(null, null, new Set());
export const withBack = (back) => (back === null ? plain : Style(null, back, new Set()));

const attributes = {
	1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "strike", 21: "underline",
};

export function restyle({ front, back, names }, sequence) {
	names = new Set(names);
	const groups = sequence.split(";").map((group) => group.split(":").map(Number));
	for (let group; (group = groups.shift());) {
		const [number, ...more] = group;
		if (number === 0) {
			front = back = null;
			names.clear();
		} else if (number < 30) {
			const name = attributes[number];
			if (name && more[0] !== 0) names.add(name);
			else names.delete(name ?? attributes[number - 20]);
			if (number === 22) names.delete("bold");
		} else {
			// 3 is for text and 4 for what is behind it, 9 and 10 are bright; then a colour, 8 for any, 9 for the usual one.
			const kind = Math.floor(number / 10);
			let colour = number % 10 + (kind > 4 ? 8 : 0);
			if (number % 10 === 9) colour = null;
			// The numbers of any colour come with colons, or with semicolons.
			else if (number % 10 === 8) colour = colourOf(more.length ? more : groups.splice(0, groups[0]?.[0] === 2 ? 4 : 2).flat());
			if (kind === 3 || kind === 9) front = colour;
			else if (kind === 4 || kind === 10) back = colour;
		}
	}
	return Style(front, back, names);
}

function colourOf([kind, ...parts]) {
	if (kind === 5) return parts[0] >= 0 && parts[0] < 256 ? parts[0] : null;
	// A colour space may stand before the colour.
	return kind === 2 && parts.length > 2 ? `rgb(${parts.slice(-3).map((part) => part & 255).join(" ")})` : null;
}

// The first 16 are the theme's, the others what xterm has.
function css(colour) {
	if (typeof colour === "string") return colour;
	if (colour < 16) return `var(--ansi-${colour})`;
	const levels = [0, 95, 135, 175, 215, 255];
	const rest = colour - 16;
	return colour < 232 ? `rgb(${levels[Math.floor(rest / 36)]} ${levels[Math.floor(rest / 6) % 6]} ${levels[rest % 6]})`
		: `rgb(${Array(3).fill(8 + (colour - 232) * 10).join(" ")})`;
}

export function styled(content, { front, back, names }, ...classes) {
	const element = h(["span", ...names, ...classes].join("."), content);
	if (names.has("inverse")) [front, back] = [back ?? "var(--terminal-back)", front ?? "var(--terminal-text)"];
	if (front !== null) element.style.color = css(front);
	if (back !== null) element.style.backgroundColor = css(back);
	return element;
}

// Only http and https, and nothing of this page for the other side.
export const link = (url, text) => (/^https?:/i.test(url) && URL.canParse(url)
	? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text);

export const withLinks = (text) => (text.includes("://")
	? text.split(/\b(https?:\/\/[^\s<>"'`\\]+[^\s<>"'`\\.,;:!?)\]}])/).map((part, index) => (index % 2 ? link(part, part) : part))
	: [text]);

export function renderLine(line) {
	const text = lastDrawn(line);
	if (!text.includes("\x1b")) return withLinks(text.replace(sequences, ""));
	const nodes = [];
	let style = plain;
	let target = null;
	let end = 0;
	const add = (part) => {
		if (!part) return;
		const content = target ? [link(target, part)] : withLinks(part);
		nodes.push(style.key === plain.key ? content : styled(content, style));
	};
	for (const { index, 0: { length }, 1: numbers, 2: between, 3: last, 4: string } of text.matchAll(sequences)) {
		add(text.slice(end, index));
		end = index + length;
		if (last === "m" && !between && !/[<-?]/.test(numbers)) style = restyle(style, numbers);
		else if (string?.startsWith("8;")) target = string.split(";").slice(2).join(";");
	}
	add(text.slice(end));
	return nodes;
}
