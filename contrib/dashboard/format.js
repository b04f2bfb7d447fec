// Numbers, times and states in words.

const units = ["B", "K", "M", "G", "T"];

export function size(bytes) {
	if (bytes === null || bytes === undefined) return "–";
	let value = bytes;
	let unit = 0;
	while (value >= 1000 && unit < units.length - 1) {
		value /= 1024;
		unit += 1;
	}
	return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const count = (number) => number.toLocaleString("en");

export function plural(number, word) {
	return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** One unit, as in "3 h": what a glance needs. */
export function age(milliseconds) {
	const seconds = Math.max(0, Math.floor(milliseconds / 1000));
	if (seconds < 60) return `${seconds} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
	if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
	return `${Math.floor(seconds / 86_400)} d`;
}

export function duration(milliseconds) {
	if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
	const seconds = milliseconds / 1000;
	if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
	return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export const clock = (time) => clockFormat.format(time);
export const day = (time) => dayFormat.format(time);

export function moment(time) {
	const date = new Date(time);
	return date.toDateString() === new Date().toDateString() ? clock(date) : `${day(date)}, ${clock(date)}`;
}

const live = new Set(["starting", "running", "paused", "backoff", "stopping", "stuck"]);
export const isLive = (state) => live.has(state);

const words = {
	backoff: "will start again",
	lost: "lost: its keeper died",
	stuck: "stuck: something survives SIGKILL",
};
export const stateWord = (state) => words[state] ?? state;

/** How a command ended. */
export function ending(exit) {
	if (!exit) return "";
	if (exit.signal) return `ended by ${exit.signal}`;
	const code = exit.code ?? exit.exitCode;
	return code === null || code === undefined ? "" : `exit ${code}`;
}

/** A command line that a shell would take for these words. */
export function commandText(words) {
	return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

/** The words of a command line, with quotes and backslashes as a shell has them, and nothing else of a shell. */
export function commandWords(text) {
	const words = [];
	let word = null;
	let quote = "";
	for (let index = 0; index < text.length; index += 1) {
		const character = text[index];
		if (quote) {
			if (character === quote) quote = "";
			else if (character === "\\" && quote === '"' && '"\\$`'.includes(text[index + 1])) word += text[(index += 1)];
			else word += character;
		} else if (character === "'" || character === '"') {
			quote = character;
			word ??= "";
		} else if (character === "\\" && index + 1 < text.length) {
			word = (word ?? "") + text[(index += 1)];
		} else if (/\s/.test(character)) {
			if (word !== null) words.push(word);
			word = null;
		} else {
			word = (word ?? "") + character;
		}
	}
	if (quote) throw new Error(`a ${quote} is not closed`);
	if (word !== null) words.push(word);
	return words;
}
