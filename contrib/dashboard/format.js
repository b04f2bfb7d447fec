// Numbers, times and states in words.

export function size(bytes) {
	if (bytes == null) return "–";
	let unit = 0;
	for (; bytes >= 1000 && unit < 4; unit += 1) bytes /= 1024;
	return `${bytes < 10 && unit ? bytes.toFixed(1) : Math.round(bytes)} ${"BKMGT"[unit]}`;
}

export const count = (number) => number.toLocaleString("en");
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];
const unitOf = (milliseconds) => units.find(([, length]) => milliseconds >= length) ?? units[3];

export function age(milliseconds) {
	const [unit, length] = unitOf(milliseconds);
	return `${Math.max(0, Math.floor(milliseconds / length))} ${unit}`;
}

export function duration(milliseconds) {
	if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
	if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
	const rest = milliseconds % unitOf(milliseconds)[1];
	return age(milliseconds) + (rest >= 1000 ? ` ${age(rest)}` : "");
}

export const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format;
export const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }).format;

export function moment(text) {
	const time = Date.parse(text);
	return day(time) === day(Date.now()) ? clock(time) : `${day(time)}, ${clock(time)}`;
}

export const isLive = (state) => ["starting", "running", "paused", "backoff", "stopping", "stuck"].includes(state);

const words = {
	backoff: "will start again", lost: "lost: its keeper died", stuck: "stuck: something survives SIGKILL",
};
export const stateWord = (state) => words[state] ?? state;

export function ending(exit) {
	const code = exit?.code ?? exit?.exitCode;
	return exit?.signal ? `ended by ${exit.signal}` : code == null ? "" : `exit ${code}`;
}

export const pairs = (values, between) => Object.entries(values ?? {}).map((pair) => pair.join("=")).join(between);

export function fromPairs(text) {
	return Object.fromEntries(filledLines(text).map((line) => {
		const end = line.indexOf("=");
		if (end < 1) throw new Error(`“${line}” lacks a name or a value: NAME=VALUE`);
		return [line.slice(0, end), line.slice(end + 1)];
	}));
}

export const filledLines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

export const commandText = (words) =>
	words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");

// The words of a command line, with quotes and backslashes as a shell has them, and nothing else of a shell.
export function commandWords(text) {
	const pieces = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|[^\s'"\\]+|[^]/g;
	const words = [];
	let word = null;
	for (const [piece, single, double, escaped] of `${text} `.matchAll(pieces)) {
		if (piece === "'" || piece === '"') throw new Error(`a ${piece} is not closed`);
		if (/^\s/.test(piece)) {
			if (word !== null) words.push(word);
			word = null;
		} else {
			word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? piece);
		}
	}
	return words;
}
